"""The page of a study: how it went, what mattered, and every try."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from optuna.trial import FrozenTrial, TrialState

from training.report import plots
from training.report.page import Page
from training.tuning.result import figures, result, verdict
from training.tuning.space import Dimension
from training.tuning.study import Search

_LOSS = "log loss on validation"
_CURVES = 40  # lines that one plot of epochs bears
_REASON = 24  # letters of it in the table


def write(search: Search, name: str, path: Path) -> Path:
    """Write the study as one HTML file; raise TuneError where no try was judged."""
    found, done = result(search), search.done
    page = Page(
        f"Study of {name}",
        "Each try is fitted on the train split and judged on the validation split. Lower log loss is better.",
    )
    facts = [
        ("tries", len(done), f"{len(done) - len(search.complete)} given up early"),
        ("best log loss", f"{found.best.value:.4f}", f"try {found.best.number}"),
        ("its accuracy", f"{found.best.user_attrs['accuracy']:.3f}", "on the pictures it was chosen by"),
    ]
    if found.own is not None:
        facts.append(("own values", f"{found.own.value:.4f}", f"accuracy {found.own.user_attrs['accuracy']:.3f}"))
    page.facts(facts)
    page.section("Result", "What the best try changes in the experiment.")
    if found.changes:
        page.table(
            ("field", "own value", "best value"), [(f, _text(a), _text(b)) for f, (a, b) in found.changes.items()]
        )
        page.paragraph(
            f"Best: {figures(found.best)}. {verdict(found) if found.own else ''} The best of many tries looks better "
            "than it is on the pictures that it was chosen by: judge it by cross-validation or on the test split."
        )
    else:
        page.paragraph("No try beats the experiment's own values.")
    page.section("How the search went", "Each point is a try; the line is the best so far.")
    page.figure(_history(search.complete), "Log loss of each try", "Points falling towards the best log loss")
    if curves := _curves(done):
        page.figure(curves, "Log loss at the end of each epoch; lines that end early were given up", "A line a try")
    page.section("What mattered")
    importance = _importance(search)
    if importance:
        page.figure(
            plots.bars(
                list(importance), list(importance.values()), x="share of the variation explained", text="{:.2f}"
            ),
            "Importance of each dimension (PED-ANOVA)",
            "Bars: " + ", ".join(f"{name} {value:.2f}" for name, value in importance.items()),
        )
    for dimension in search.space.dimensions:
        page.figure(_slice(dimension, search.complete), f"Log loss by {dimension.name}", f"A point a try: {dimension}")
    page.section("Every try")
    names = [dimension.name for dimension in search.space.dimensions]
    page.table(("try", "log loss", "accuracy", "given up", *names, "seconds"), [_row(trial, names) for trial in done])
    return page.write(path)


def _history(complete: list[FrozenTrial]) -> Figure:
    numbers, losses = [trial.number for trial in complete], [float(trial.value or 0) for trial in complete]
    with plots.style():
        figure, plot = plots.axes(x="try", y=_LOSS)
        plot.scatter(numbers, losses, s=18, color=plots.BLUE, linewidths=0, label="a try")
        plot.step(numbers, np.minimum.accumulate(losses), where="post", color=plots.VERMILION, label="best so far")
        plot.legend()
        plot.xaxis.get_major_locator().set_params(integer=True)
    return figure


def _curves(done: list[FrozenTrial]) -> Figure | None:
    shown = [trial for trial in done if trial.intermediate_values][:_CURVES]
    if not shown:
        return None
    with plots.style():
        figure, plot = plots.axes(x="epoch", y=_LOSS)
        for trial in shown:
            epochs, losses = zip(*sorted(trial.intermediate_values.items()), strict=True)
            pruned = trial.state == TrialState.PRUNED
            colour = plots.VERMILION if pruned else plots.BLUE
            plot.plot(np.array(epochs) + 1, losses, "--o" if pruned else "-o", color=colour, alpha=0.6, markersize=3)
        plot.xaxis.get_major_locator().set_params(integer=True)
    return figure


def _importance(search: Search) -> dict[str, float]:
    """Say which dimensions explain the differences; nothing where too few tries do."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    try:
        return dict(optuna.importance.get_param_importances(search.study, evaluator=evaluator))
    except (ValueError, RuntimeError):  # fewer than two tries, or all of them equal
        return {}


def _slice(dimension: Dimension, complete: list[FrozenTrial]) -> Figure:
    """Draw a point a try: a range along the bottom, choices one under another, where long names find room."""
    values = [trial.params[dimension.name] for trial in complete]
    losses = [float(trial.value or 0) for trial in complete]
    look = {"s": 18, "color": plots.BLUE, "alpha": 0.7, "linewidths": 0}
    with plots.style():
        if dimension.choices:
            figure, plot = plots.axes(height=0.8 + 0.34 * max(2, len(dimension.choices)), x=_LOSS)
            plot.scatter(losses, [dimension.choices.index(value) for value in values], **look)
            plot.set_yticks(range(len(dimension.choices)), [_text(choice) for choice in dimension.choices])
            plot.set_ylim(len(dimension.choices) - 0.5, -0.5)
        else:
            figure, plot = plots.axes(x=dimension.name, y=_LOSS)
            plot.scatter(values, losses, **look)
            if dimension.log:
                plot.set_xscale("log")
                plot.set_xlim(dimension.low, dimension.high)
                plot.xaxis.set_minor_formatter(NullFormatter())  # labels of 2, 3, 4 ... would run into one another
    return figure


def _row(trial: FrozenTrial, names: list[str]) -> tuple[Any, ...]:
    state = "" if trial.state == TrialState.COMPLETE else trial.user_attrs.get("reason", "?")[:_REASON]
    loss = f"{trial.value:.4f}" if trial.state == TrialState.COMPLETE else ""
    kept = trial.user_attrs
    values = [_text(trial.params.get(name)) for name in names]
    return trial.number, loss, kept.get("accuracy", ""), state, *values, kept.get("seconds", "")


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    return "none" if value is None else str(value)
