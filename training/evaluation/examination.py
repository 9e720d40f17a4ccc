"""Look at a model version from every side: the numbers and pictures of `training evaluate --report`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.artefact import serving
from training.evaluation import curves, latency, metrics, robustness, slices
from training.evaluation.curves import OneVsRest, Reliability
from training.evaluation.evaluate import Answers
from training.evaluation.gradcam import GradCam, GradCamError
from training.evaluation.latency import Latency
from training.evaluation.robustness import Curve
from training.evaluation.slices import Slice

_MISTAKES, _SUCCESSES = 12, 12  # shown as pictures
_DAMAGED = 300  # pictures that are damaged: twenty strengths each


@dataclass(frozen=True)
class Explained:
    """Pictures that the report shows with what the model looks at.

    Attributes:
        rows: of the answers.
        maps: float[N, h, w] in 0..1 of the class that the model says; None if the model has no feature map.
    """

    rows: np.ndarray
    maps: np.ndarray | None


@dataclass(frozen=True)
class Examination:
    """Everything that was measured; see the modules that measure it.

    Attributes:
        answers: the model's answers.
        intervals: of each class, as `metrics.class_intervals`.
        curves: of each class; None of one that has all or none of the pictures.
        reliability: confidence against accuracy.
        coverage: shares answered, accuracy on them.
        temperature: that would still suit; near 1 after calibration.
        slices: accuracy on kinds of pictures.
        robustness: accuracy on damaged pictures.
        latency: times of one picture.
        mistakes: the most confident ones, the most confident first.
        successes: the most confident right answer of each class.
        machine: where latency was measured, and how busy it was.
        layer: the feature map that Grad-CAM looks at, or why there is none.
    """

    answers: Answers
    intervals: list[dict[str, tuple[float, float]]]
    curves: list[OneVsRest | None]
    reliability: Reliability
    coverage: tuple[np.ndarray, np.ndarray]
    temperature: float
    slices: list[Slice]
    robustness: Mapping[str, Curve]
    latency: list[Latency]
    machine: str
    mistakes: Explained
    successes: Explained
    layer: str

    def to_json(self) -> dict[str, Any]:
        """Write all numbers as JSON-ready dictionary."""
        answers = self.answers
        result = answers.summary()
        for name, bounds, curve in zip(answers.labels, self.intervals, self.curves, strict=True):
            result["per_class"][name] |= {
                "intervals": {figure: [round(v, 4) for v in ends] for figure, ends in bounds.items()},
                "roc_auc": round(curve.auc, 4) if curve else None,
                "average_precision": round(curve.average_precision, 4) if curve else None,
            }
        said = answers.probabilities.max(axis=1)
        return {
            "model": str(answers.model_dir),
            "name": answers.card.get("name"),
            "version": answers.card.get("version"),
            "data": str(answers.folder),
            "split": answers.split,
            "engine": answers.engine,
            **result,
            "brier": round(curves.brier(answers.probabilities, answers.truth), 4),
            "residual_temperature": self.temperature,
            "roc": curves.micro_average(answers.probabilities, answers.truth),
            "reliability": {name: np.round(values, 4).tolist() for name, values in vars(self.reliability).items()},
            "slices": [one.to_json() for one in self.slices],
            "robustness": {name: curve.to_json() for name, curve in self.robustness.items()},
            "latency": {"machine": self.machine, "one_picture": [one.to_json() for one in self.latency]},
            "mistakes": [
                {
                    "file": str(answers.examples[row].path),
                    "truth": answers.labels[answers.truth[row]],
                    "said": answers.labels[answers.predicted[row]],
                    "probability": round(float(said[row]), 4),
                }
                for row in _surest(answers, ~answers.right)
            ],
        }


def examine(answers: Answers) -> Examination:
    """Measure everything; takes about twenty times as long as the answers alone, with progress bars.

    Raises: what `evaluate.answer` does.
    """
    probabilities, truth, labels = answers.probabilities, answers.truth, answers.labels
    table = metrics.confusion(answers.predicted, truth, len(labels))
    mistakes, successes, layer = _explain(answers)
    paths = [example.path for example in answers.examples]
    return Examination(
        answers,
        metrics.class_intervals(table),
        [curves.one_vs_rest(probabilities, truth, k) for k in range(len(labels))],
        curves.reliability(probabilities, truth),
        curves.coverage(probabilities, truth),
        curves.residual_temperature(probabilities, truth),
        slices.slices(slices.properties(paths, answers.images), answers.right),
        _robustness(answers),
        latency.measure(answers.model_dir, paths, answers.images.shape[1]),
        latency.machine(),
        mistakes,
        successes,
        layer,
    )


def _surest(answers: Answers, chosen: np.ndarray) -> list[int]:
    """List the rows where `chosen` holds, the most confident answer first."""
    rows = np.flatnonzero(chosen)
    return [int(row) for row in rows[np.argsort(-answers.probabilities[rows].max(axis=1), kind="stable")]]


def _explain(answers: Answers) -> tuple[Explained, Explained, str]:
    """Choose the pictures to show, and say what the model looks at in them, and where that was read."""
    mistakes = np.array(_surest(answers, ~answers.right)[:_MISTAKES], int)
    each = max(1, _SUCCESSES // 2 // len(answers.labels))
    right = [_surest(answers, answers.right & (answers.truth == k))[:each] for k in range(len(answers.labels))]
    successes = np.array([row for rows in right for row in rows][:_SUCCESSES], int)
    rows = np.concatenate([mistakes, successes])
    try:
        with GradCam(answers.model_dir) as cam:
            maps, layer = cam.maps(answers.images[rows], answers.predicted[rows]), cam.layer
    except GradCamError as error:
        return Explained(mistakes, None), Explained(successes, None), str(error)
    cut = len(mistakes)
    return Explained(mistakes, maps[:cut]), Explained(successes, maps[cut:]), layer


def _robustness(answers: Answers) -> Mapping[str, Curve]:
    rows = robustness.sample(answers.truth, _DAMAGED)
    engine = serving.open_engine(answers.model_dir, answers.engine)

    def classify(images: np.ndarray) -> np.ndarray:
        return serving.classify(engine, images)

    try:
        return robustness.curves(answers.images[rows], answers.truth[rows], answers.right[rows], classify)
    finally:
        engine.close()
