"""The report of `training compare`: whether B may take A's place, and what changes if it does."""

import numpy as np

from training.evaluation.comparison import Comparison
from training.report import plots
from training.report.page import Page, Picture

_SHOWN = 24  # changed pictures
_SIZE = 150  # pixels


def page(found: Comparison) -> Page:
    """Draw a comparison."""
    a, b = found.a, found.b
    verdict, *others = found.sentences()
    report = Page(
        f"Does {b.name} beat {a.name}?",
        f"A: {a.model_dir}, by {a.engine}. B: {b.model_dir}, by {b.engine}. {found.pictures} pictures of {a.folder} "
        f"(split: {a.split}).",
    )
    results = a.summary(), b.summary()
    facts = [("Verdict", found.headline, "McNemar's exact test, 5 % level")]
    for which, one in zip("AB", results, strict=True):
        bounds = one["accuracy"]
        note = f"95 % interval {bounds['low']:.4f} to {bounds['high']:.4f}"
        facts.append((f"Accuracy of {which}", f"{bounds['value']:.4f}", note))
    points = [f"{100 * value:+.2f}" for value in (found.difference, found.low, found.high)]
    facts.append(("Difference, B - A", f"{points[0]} points", f"95 % interval {points[1]} to {points[2]} (Tango)"))
    loss = [f"{value:+.4f}" for value in found.log_loss]
    facts.append(("Log loss, B - A", loss[0], f"95 % interval {loss[1]} to {loss[2]}; below 0, B is better"))
    report.facts(facts).paragraph(" ".join([verdict, *others]))
    for warning in found.warnings:
        report.warning(warning)
    _figures(report, found)
    _classes(report, found)
    _changed(report, found)
    return report


def _figures(report: Page, found: Comparison) -> None:
    both = int((found.a.right & found.b.right).sum())
    neither = found.pictures - both - found.only_a - found.only_b
    report.section(
        "Picture by picture",
        "Both were asked about the same pictures; only those that one of them alone gets right tell them apart.",
    )
    table = np.array([[both, found.only_a], [found.only_b, neither]])
    report.figure(
        plots.heat_map(table, ["A right", "A wrong"], ["B right", "B wrong"]),
        "How many pictures each of them answers rightly.",
        f"both right {both}, only A {found.only_a}, only B {found.only_b}, neither {neither}",
    )
    with plots.style():
        figure, axes = plots.axes(height=1.7, x="accuracy of B - accuracy of A, points")
        low, middle, high = (100 * value for value in (found.low, found.difference, found.high))
        axes.axvline(0, color=plots.MUTED, linewidth=1)
        if found.margin is not None:
            axes.axvline(-100 * found.margin, color=plots.VERMILION, linewidth=1.2, linestyle="--", label="margin")
            figure.legend(loc="outside upper right")
        axes.errorbar([middle], [0], xerr=[[middle - low], [high - middle]], fmt="o", color=plots.BLUE, capsize=4)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.margins(x=0.1, y=0.5)
    report.figure(
        figure,
        "The difference and its 95 % interval; right of 0, B is better.",
        f"difference {middle:.2f} points, interval {low:.2f} to {high:.2f}",
    )


def _classes(report: Page, found: Comparison) -> None:
    first, second = found.a.summary()["per_class"], found.b.summary()["per_class"]
    rows = [
        [
            name,
            *(f"{one[name][what]:.3f}" for what in ("recall", "precision", "f1") for one in (first, second)),
            first[name]["pictures"],
        ]
        for name in found.a.labels
    ]
    report.section("Classes")
    report.table(["class", "recall A", "recall B", "precision A", "precision B", "F1 A", "F1 B", "pictures"], rows)


def _changed(report: Page, found: Comparison) -> None:
    rows = found.changed()
    if not rows:
        report.section("Changed answers", "None: A and B say the same of every picture.")
        return
    more = f"; the first {_SHOWN} are shown" if len(rows) > _SHOWN else ""
    report.section(
        "Changed answers", f"{len(rows)} pictures, those that B newly gets wrong first{more}; the JSON lists them all."
    )
    report.pictures([_picture(found, row) for row in rows[:_SHOWN]], size=_SIZE)


def _picture(found: Comparison, row: int) -> tuple[Picture, str]:
    said = []
    for which, one in (("A", found.a), ("B", found.b)):
        k = one.predicted[row]
        said.append(f"{which}: {one.labels[k]} {100 * one.probabilities[row, k]:.1f} %")
    example = found.a.examples[row]
    change = "" if found.a.right[row] == found.b.right[row] else " (lost)" if found.a.right[row] else " (gained)"
    text = f"{found.a.labels[example.label]}{change}. {', '.join(said)}. {example.path.name}"
    return found.a.images[row], text
