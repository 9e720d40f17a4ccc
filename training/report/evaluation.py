"""The report of `training evaluate`: one page that says how good a model is, where it fails and what it looks at."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from training.evaluation.evaluate import Answers
from training.evaluation.examination import Examination, Explained
from training.evaluation.gradcam import overlay
from training.report import plots
from training.report.page import Page, Picture

_CLASSES_DRAWN = 10  # more bars, lines or cells do not fit a figure; tables hold them all
_MATRIX_DRAWN = 15
_PICTURE = 150  # pixels: height of a picture shown
_CONFUSIONS = 12


def page(found: Examination) -> Page:
    """Draw an examination."""
    answers, result = found.answers, found.to_json()
    accuracy = result["accuracy"]
    report = Page(
        f"How good is {answers.name}?",
        f"{answers.model_dir} on {accuracy['n']} pictures of {answers.folder} (split: {answers.split}), "
        f"by {answers.engine}",
    )
    report.facts(_facts(found, result))
    if answers.fitted.warning:
        report.warning(answers.fitted.warning)
    _classes(report, found, result)
    _calibration(report, found, result)
    _looks(report, found)
    _slices(report, found, accuracy)
    _robustness(report, found)
    _curves(report, found)
    _latency(report, found)
    _card(report, answers, accuracy)
    return report


def _facts(found: Examination, result: Mapping[str, Any]) -> list[tuple[str, Any, str]]:
    accuracy = result["accuracy"]
    scores = [figures["f1"] for figures in result["per_class"].values() if figures["pictures"]]
    facts = [
        ("Accuracy", f"{accuracy['value']:.4f}", f"95 % interval {accuracy['low']:.4f} to {accuracy['high']:.4f}"),
        ("Macro F1", f"{np.mean(scores):.4f}", f"mean of {len(scores)} classes"),
        ("Calibration error", f"{result['ece']:.4f}", "ECE, 15 bins; 0 is best"),
        ("Log loss", f"{result['log_loss']:.4f}", f"Brier score {result['brier']:.4f}"),
    ]
    engines = [one for one in found.latency if one.what == found.answers.engine]
    return facts + [("One picture", f"{one.median_ms:.1f} ms", f"median by {one.what}") for one in engines]


def _classes(report: Page, found: Examination, result: Mapping[str, Any]) -> None:
    answers, figures = found.answers, result["per_class"]
    labels = answers.labels
    report.section(
        "Classes",
        "Recall: of the pictures of a class, how many are called so. Precision: of the pictures called so, how many "
        "are of it. Whiskers are 95 % intervals.",
    )
    worst = sorted(range(len(labels)), key=lambda k: figures[labels[k]]["f1"])[:_CLASSES_DRAWN]
    drawn = [k for k in range(len(labels)) if k in worst]
    fewer = "" if len(drawn) == len(labels) else f", the {len(drawn)} classes of lowest F1"
    for what in ("recall", "precision"):
        values = [figures[labels[k]][what] for k in drawn]
        bounds = [found.intervals[k][what] for k in drawn]
        picture = plots.bars([labels[k] for k in drawn], values, intervals=bounds, x=what, limit=(0, 1))
        told = ", ".join(f"{labels[k]} {value:.2f}" for k, value in zip(drawn, values, strict=True))
        report.figure(picture, f"{what.capitalize()} of each class{fewer}.", f"{what}: {told}")
    table = np.array(result["confusion_matrix"])
    if len(labels) <= _MATRIX_DRAWN:
        shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
        matrix = plots.heat_map(table, labels, labels, shares=shares, x="said", y="true", diagonal=True)
        report.figure(matrix, "Confusion matrix: pictures; colour is the share of the row.", "confusion matrix")
    report.table(
        ["class", "precision", "95 % interval", "recall", "95 % interval", "F1", "95 % interval", "ROC AUC", "AP", "n"],
        [_row(name, figures[name]) for name in labels],
    )
    if len(labels) > 2:  # noqa: PLR2004 - of two classes the matrix says it all
        pairs = _confusions(table, labels)
        report.table(["true", "said", "pictures"], pairs, "Most frequent confusions.")


def _confusions(table: np.ndarray, labels: Sequence[str]) -> list[tuple[str, str, int]]:
    """List the most frequent mistakes, (true, said, pictures)."""
    cells = [(int(table[row, column]), row, column) for row, column in np.ndindex(table.shape) if row != column]
    ordered = sorted((cell for cell in cells if cell[0]), key=lambda cell: -cell[0])
    return [(labels[row], labels[column], count) for count, row, column in ordered[:_CONFUSIONS]]


def _row(name: str, figures: Mapping[str, Any]) -> list[Any]:
    cells: list[Any] = [name]
    for what in ("precision", "recall", "f1"):
        low, high = figures["intervals"][what]
        cells += [f"{figures[what]:.3f}", f"{low:.2f} to {high:.2f}"]
    areas = [figures["roc_auc"], figures["average_precision"]]
    return [*cells, *("-" if area is None else f"{area:.3f}" for area in areas), figures["pictures"]]


def _calibration(report: Page, found: Examination, result: Mapping[str, Any]) -> None:
    answers = found.answers
    baked = answers.card.get("calibration", {}).get("temperature")
    inside = f"The model divides its logits by a temperature of {baked:g}. " if baked else "No temperature is known. "
    report.section(
        "Calibration",
        f"Is it right as often as it says it is sure? {inside}On these pictures a further one of {found.temperature:g} "
        "would suit best; 1 leaves nothing to mend.",
    )
    points = found.reliability
    line = plots.Line("", points.confidence, points.accuracy, points.low, points.high, markers=True)
    start = max(0.0, float(min(points.confidence.min(), points.low.min())) - 0.03)
    diagram = plots.lines(
        [line], x="confidence", y="accuracy", x_limit=(start, 1.01), y_limit=(start, 1.01), identity=True, square=True
    )
    report.figure(
        diagram,
        f"Reliability: each point holds a tenth of the pictures, the band is its 95 % interval. On the dashed line "
        f"confidence is accuracy. ECE {result['ece']:.4f}.",
        "reliability diagram",
    )
    sure = answers.probabilities.max(axis=1)
    parts = {"right": sure[answers.right], "wrong": sure[~answers.right]}
    report.figure(
        plots.histogram(parts, bins=20, x="confidence", log=True),
        "How sure it is where it is right and where it is wrong; the pictures' axis is logarithmic above 1.",
        f"confidence of {len(parts['right'])} right and {len(parts['wrong'])} wrong answers",
    )
    report.figure(
        plots.lines([plots.Line("", *found.coverage)], x="share of pictures answered, surest first", y="accuracy"),
        "What is gained by leaving the least sure pictures to a person.",
        "accuracy as a function of the share of pictures answered",
    )


def _looks(report: Page, found: Examination) -> None:
    answers = found.answers
    named = f"Grad-CAM of the class that it says, read at {found.layer}: warm places speak for the answer."
    how = named if found.successes.maps is not None else found.layer
    wrong = int((~answers.right).sum())
    report.section("Mistakes", f"{wrong} of {len(answers.right)} answers are wrong; the most confident first. {how}")
    if wrong:
        report.pictures(_shown(answers, found.mistakes), size=260)
    report.section("What it looks at", "The most confident right answers of each class, explained as above.")
    report.pictures(_shown(answers, found.successes), size=260)


def _shown(answers: Answers, explained: Explained) -> list[tuple[Picture, str]]:
    """Lay each picture and what the model looks at side by side."""
    pictures: list[tuple[Picture, str]] = []
    for place, row in enumerate(explained.rows):
        image = answers.images[row]
        # No map at all: the picture alone, at the same height.
        flat = np.zeros((1, 1)) if explained.maps is None else explained.maps[place]
        sides = [_enlarged(image), overlay(image, flat, _PICTURE)][: 1 if explained.maps is None else 2]
        truth, said = answers.labels[answers.truth[row]], answers.labels[answers.predicted[row]]
        sure = f"{100 * answers.probabilities[row].max():.1f} %"
        text = f"{said}, {sure}" if truth == said else f"{truth}, called {said}, {sure}"
        pictures.append((np.concatenate(sides, axis=1), f"{text} ({answers.examples[row].path.name})"))
    return pictures


def _enlarged(image: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(image).resize((_PICTURE, _PICTURE), Image.Resampling.BICUBIC))


def _slices(report: Page, found: Examination, accuracy: Mapping[str, Any]) -> None:
    report.section(
        "Kinds of pictures",
        f"Accuracy of thirds of the pictures, with 95 % intervals; of all pictures it is {accuracy['value']:.4f}. Of "
        "twenty slices one stands out by chance.",
    )
    for kind in dict.fromkeys(one.kind for one in found.slices):
        parts = [one for one in found.slices if one.kind == kind]
        names = [f"{one.name} ({one.pictures})" for one in parts]
        bounds = [(one.low, one.high) for one in parts]
        values = [one.accuracy for one in parts]
        told = ", ".join(f"{name}: {value:.3f}" for name, value in zip(names, values, strict=True))
        marked = [one.name for one in parts if one.stands_out]
        note = f" Stands out: {', '.join(marked)}." if marked else ""
        report.figure(
            plots.bars(names, values, intervals=bounds, x="accuracy", limit=(0, 1)),
            f"By {kind} (pictures).{note}",
            told,
        )
    if not found.slices:
        report.paragraph("All pictures are alike in size, shape and light.")


def _robustness(report: Page, found: Examination) -> None:
    pictures = next(iter(found.robustness.values())).pictures
    report.section(
        "Damaged pictures",
        f"Accuracy on {pictures} of the pictures when they are turned, blurred, compressed, brightened or made noisy, "
        "at the size that the model is given; bands are 95 % intervals.",
    )
    lowest = min(float(curve.low.min()) for curve in found.robustness.values())
    for name, curve in found.robustness.items():
        line = plots.Line("", curve.strengths, curve.accuracies, curve.low, curve.high, markers=True)
        told = ", ".join(f"{s:g}: {a:.3f}" for s, a in zip(curve.strengths, curve.accuracies, strict=True))
        report.figure(
            plots.lines([line], x=f"{name}, {curve.kind.unit}", y="accuracy", y_limit=(max(0, lowest - 0.02), 1.01)),
            f"{name.capitalize() if name.islower() else name}; {curve.kind.none:g} changes nothing.",
            told,
        )


def _curves(report: Page, found: Examination) -> None:
    labels = found.answers.labels
    known = [(name, curve) for name, curve in zip(labels, found.curves, strict=True) if curve]
    drawn = sorted(known, key=lambda pair: pair[1].auc)[:_CLASSES_DRAWN]
    drawn = [pair for pair in known if pair in drawn]
    if not drawn:
        return
    fewer = "" if len(drawn) == len(labels) else f" The {len(drawn)} classes of lowest area are drawn."
    report.section("One class against all others", f"How well each class's probability alone tells it apart.{fewer}")
    square = {"x_limit": (-0.01, 1.01), "y_limit": (0, 1.02)}
    roc = [plots.Line(name, curve.false_positive_rate, curve.true_positive_rate) for name, curve in drawn]
    areas = ", ".join(f"{name} {curve.auc:.3f}" for name, curve in drawn)
    report.figure(
        plots.lines(roc, x="false positive rate", y="true positive rate", identity=True, **square),
        f"ROC curves. Areas: {areas}.",
        f"ROC curves with areas {areas}",
    )
    precision = [plots.Line(name, curve.recall, curve.precision) for name, curve in drawn]
    areas = ", ".join(f"{name} {curve.average_precision:.3f}" for name, curve in drawn)
    report.figure(
        plots.lines(precision, x="recall", y="precision", **square),
        f"Precision-recall curves. Average precisions: {areas}.",
        f"precision-recall curves with average precisions {areas}",
    )


def _latency(report: Page, found: Examination) -> None:
    text = (
        f"One picture at a time, warm-up left out, on {found.machine}. Other programs count as load, and slow it down."
    )
    report.section("Latency", text)
    rows = [(one.what, f"{one.median_ms:.1f}", f"{one.p95_ms:.1f}", one.runs) for one in found.latency]
    report.table(["step", "median, ms", "95th percentile, ms", "runs"], rows)


def _card(report: Page, answers: Answers, accuracy: Mapping[str, Any]) -> None:
    card = answers.card
    report.section("Model card", card.get("task", ""))
    claimed = card.get("metrics", {}).get("accuracy", {})
    rows: list[Sequence[Any]] = []
    if {"value", "low", "high"} <= set(claimed):
        inside = claimed["low"] <= accuracy["value"] <= claimed["high"]
        claim = f"{claimed['value']:.4f} ({claimed['low']:.4f} to {claimed['high']:.4f})"
        claim += f" by {card['metrics'].get('split', 'a measurement of its own')}"
        rows.append(("accuracy that the card states", claim))
        rows.append(
            ("accuracy measured here", f"{accuracy['value']:.4f}, {'inside' if inside else 'outside'} its interval")
        )
    data = card.get("data", {})
    training = card.get("training", {})
    told = {
        "backbone": card.get("backbone"),
        "input": " x ".join(str(card["input"].get(side)) for side in ("height", "width") if side in card["input"])
        + " px",
        "data": data.get("name"),
        "source": data.get("source"),
        "fitted on": ", ".join(data.get("fitted_on", ())),
        "minutes of training": training.get("minutes"),
        "seed": card.get("seed"),
        "git commit": card.get("git_commit"),
        "created": card.get("created"),
        "intended use": card.get("intended_use"),
        "limits": " ".join(card.get("limits", ())),
    }
    rows += [(name, value) for name, value in told.items() if value not in (None, "")]
    report.table(["what", "value"], rows)
