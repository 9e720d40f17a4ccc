"""Figures of the reports: one size, one palette, readable on a phone and on a dark ground.

A figure is at most 4.8 x 3.6 inch with text of 9 pt, so that in a phone's one column its text is still 8 px high. No
figure has a title: `page.Page.figure` puts a caption beneath it. Text, axes and grid are drawn in INK, MUTED and LINE,
which the page turns into the reader's light or dark scheme. Own figures begin with `axes` inside `style`.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

WIDTH, HEIGHT = 4.8, 3.6  # inches, at most
FONT = 9  # points, at least
INK, MUTED, LINE = "#1b2320", "#55605b", "#dcd8cc"
# Okabe and Ito's palette, told apart by colour-blind readers, without its yellow and black (one of them is invisible
# on either ground).
BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY = "#0072b2", "#d55e00", "#009e73", "#e69f00", "#cc79a7", "#56b4e9"
PALETTE = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY)
DASHES = ("-", "--", "-.", ":")  # with the palette: 24 lines before two look alike
_CELLS_WITH_TEXT = 15  # a heat map with more columns shows colours only: 9 pt would not fit
_LABELS_LEVEL = 4  # with more columns their names are slanted
_STRONGEST = 0.72  # INK stays readable (contrast above 4.5) on a colour of this opacity, on both grounds


@contextmanager
def style() -> Iterator[None]:
    """Apply the reports' look to everything that matplotlib draws inside."""
    look = {
        "font.size": FONT,
        "font.family": "sans-serif",
        **{f"{part}.labelsize": FONT for part in ("axes", "xtick", "ytick")},
        "legend.fontsize": FONT,
        "legend.frameon": False,
        "axes.facecolor": "none",
        "figure.facecolor": "none",
        "savefig.facecolor": "none",
        "axes.edgecolor": MUTED,
        "axes.labelcolor": INK,
        "text.color": INK,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": LINE,
        "grid.linewidth": 0.8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.prop_cycle": mpl.cycler(color=PALETTE),
        "lines.linewidth": 1.8,
        "svg.fonttype": "none",
        "svg.hashsalt": "report",
    }
    with mpl.rc_context(look):
        yield


def axes(width: float = WIDTH, height: float = HEIGHT, *, x: str = "", y: str = "") -> tuple[Figure, Axes]:
    """Make an empty figure (inches) with one set of axes and their labels; call it inside `style`."""
    figure = Figure((min(width, WIDTH), min(height, HEIGHT)), layout="constrained")
    plot = figure.add_subplot()
    plot.set_xlabel(x)
    plot.set_ylabel(y)
    return figure, plot


def bars(
    names: Sequence[str],
    values: Sequence[float] | Mapping[str, Sequence[float]],
    *,
    intervals: Sequence[tuple[float, float]] | None = None,
    x: str = "",
    limit: tuple[float, float] | None = None,
    text: str | None = None,
) -> Figure:
    """Draw lying bars, the first name on top.

    Args:
        names: what each bar stands for.
        values: one value a name; or several series by name, stacked.
        intervals: (low, high) a name, drawn as whiskers; for a single series.
        x: what the values are, with their unit.
        limit: range of the values' axis.
        text: format of the value written beside each bar, such as "{:.2f}"; none if None.
    """
    series = values if isinstance(values, Mapping) else {"": values}
    rows = np.arange(len(names))
    with style():
        figure, plot = axes(height=0.8 + 0.3 * max(2, len(names)), x=x)
        start = np.zeros(len(names))
        for (label, part), colour in zip(series.items(), _colours(), strict=False):
            plot.barh(rows, part, left=start, height=0.68, color=colour, label=label)
            start = start + np.asarray(part, float)
        ends = start.copy()
        if intervals is not None:
            low, high = np.array(intervals, float).reshape(-1, 2).T
            spread = np.clip([start - low, high - start], 0, None)
            plot.errorbar(start, rows, xerr=spread, fmt="none", ecolor=INK, elinewidth=1.2, capsize=3)
            ends = np.maximum(ends, high)
        if text is not None:
            for row, (value, end) in enumerate(zip(start, ends, strict=True)):
                plot.annotate(text.format(value), (end, row), (4, 0), textcoords="offset points", va="center")
            plot.margins(x=0.16)
        plot.set_yticks(rows, [_short(name) for name in names])
        plot.invert_yaxis()
        plot.grid(axis="y", visible=False)
        if limit:
            plot.set_xlim(*limit)
        if len(series) > 1:
            figure.legend(loc="outside upper center", ncols=min(4, len(series)))
    return figure


def heat_map(
    table: Sequence[Sequence[float]] | np.ndarray,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    shares: np.ndarray | None = None,
    text: str = "{:g}",
    x: str = "",
    y: str = "",
    diagonal: bool = False,
) -> Figure:
    """Draw a table [R, C] as coloured cells with their values in them.

    Args:
        table: the values.
        rows: R names, from the top.
        columns: C names.
        shares: [R, C] in 0..1, how strongly each cell is coloured; the values over their maximum if None.
        text: format of a value.
        x: what the columns are.
        y: what the rows are.
        diagonal: colour the diagonal as right and everything else as wrong.
    """
    values = np.asarray(table, float)
    strong = values / max(float(values.max(initial=0)), 1e-12) if shares is None else np.asarray(shares, float)
    colours = np.empty((*values.shape, 4))
    colours[:] = to_rgba(VERMILION if diagonal else BLUE)
    if diagonal:
        np.fill_diagonal(colours[:, :, 0], to_rgba(BLUE)[0])
        np.fill_diagonal(colours[:, :, 1], to_rgba(BLUE)[1])
        np.fill_diagonal(colours[:, :, 2], to_rgba(BLUE)[2])
    colours[:, :, 3] = np.clip(strong, 0, 1) * _STRONGEST
    with style():
        figure, plot = axes(height=1.2 + 0.34 * max(2, len(rows)), x=x, y=y)
        # A mesh and not imshow: cells stay vectors, sharp at any size.
        plot.pcolormesh(colours, edgecolors=LINE, linewidth=0.6)
        plot.set_xticks(np.arange(len(columns)) + 0.5, [_short(name) for name in columns])
        plot.set_yticks(np.arange(len(rows)) + 0.5, [_short(name) for name in rows])
        if len(columns) > _LABELS_LEVEL:
            for label in plot.get_xticklabels():
                label.set(rotation=40, ha="right", rotation_mode="anchor")
        if len(columns) <= _CELLS_WITH_TEXT:
            for row, column in np.ndindex(values.shape):
                plot.text(column + 0.5, row + 0.5, text.format(values[row, column]), ha="center", va="center")
        plot.invert_yaxis()
        plot.grid(visible=False)
        plot.tick_params(length=0)
        plot.spines[:].set_visible(False)
    return figure


def histogram(
    series: Sequence[float] | np.ndarray | Mapping[str, Sequence[float] | np.ndarray],
    *,
    bins: int | Sequence[float] = 20,
    x: str = "",
    y: str = "pictures",
    log: bool = False,
) -> Figure:
    """Count values in bins: one series, or several by name drawn as outlines over each other."""
    named = series if isinstance(series, Mapping) else {"": series}
    everything = np.concatenate([np.asarray(part, float).ravel() for part in named.values()] or [np.zeros(1)])
    edges = np.histogram_bin_edges(everything, bins) if isinstance(bins, int) else np.asarray(bins, float)
    with style():
        figure, plot = axes(x=x, y=y)
        for (label, part), colour in zip(named.items(), _colours(), strict=False):
            plot.hist(
                part, edges, histtype="stepfilled", facecolor=to_rgba(colour, 0.35), edgecolor=colour, label=label
            )
        if log:
            plot.set_yscale("symlog")
        if len(named) > 1:
            plot.legend()
    return figure


@dataclass(frozen=True)
class Line:
    """One line of `lines`: its name, points, and a band between `low` and `high` where given; all of length N."""

    name: str
    x: Sequence[float] | np.ndarray
    y: Sequence[float] | np.ndarray
    low: Sequence[float] | np.ndarray | None = None
    high: Sequence[float] | np.ndarray | None = None
    markers: bool = False


def lines(
    parts: Sequence[Line],
    *,
    x: str = "",
    y: str = "",
    x_limit: tuple[float, float] | None = None,
    y_limit: tuple[float, float] | None = None,
    identity: bool = False,
    square: bool = False,
) -> Figure:
    """Draw lines with bands around them.

    Args:
        parts: the lines, in the legend's order.
        x: what the x axis is, with its unit.
        y: what the y axis is, with its unit.
        x_limit: range of the x axis.
        y_limit: range of the y axis.
        identity: draw y = x as a thin dashed line.
        square: one unit of x is as long as one of y.
    """
    with style():
        figure, plot = axes(x=x, y=y)
        if identity:
            plot.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle="--")
        for index, part in enumerate(parts):
            colour = PALETTE[index % len(PALETTE)]
            dash = DASHES[index // len(PALETTE) % len(DASHES)]
            if part.low is not None and part.high is not None:
                plot.fill_between(part.x, part.low, part.high, color=colour, alpha=0.2, linewidth=0)
            marker = "o" if part.markers else ""
            plot.plot(part.x, part.y, dash, color=colour, marker=marker, markersize=4, label=_short(part.name))
        if x_limit:
            plot.set_xlim(*x_limit)
        if y_limit:
            plot.set_ylim(*y_limit)
        if square:
            plot.set_aspect("equal")
        named = [part for part in parts if part.name]
        if named:
            many = len(named) > 3  # noqa: PLR2004 - a few names find room inside
            figure.legend(loc="outside right upper") if many else plot.legend()
    return figure


def scatter(
    groups: Mapping[str, tuple[Sequence[float] | np.ndarray, Sequence[float] | np.ndarray]],
    *,
    x: str = "",
    y: str = "",
    log_x: bool = False,
    log_y: bool = False,
) -> Figure:
    """Draw points, name -> (x, y); a legend if there are several groups."""
    with style():
        figure, plot = axes(x=x, y=y)
        for (name, (xs, ys)), colour in zip(groups.items(), _colours(), strict=False):
            plot.scatter(xs, ys, s=14, color=colour, alpha=0.6, linewidths=0, label=_short(name))
        if log_x:
            plot.set_xscale("log")
        if log_y:
            plot.set_yscale("log")
        if len(groups) > 1:
            figure.legend(loc="outside upper center", ncols=min(4, len(groups)))
    return figure


def _colours() -> Iterator[str]:
    while True:
        yield from PALETTE


def _short(name: str, longest: int = 18) -> str:
    """Cut a name that would push the plot out of its own figure."""
    return name if len(name) <= longest else name[: longest - 1] + "…"
