"""Curves of a classifier: ROC, precision-recall, reliability and coverage; needs scikit-learn."""

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from training.evaluation import metrics

_POINTS = 120  # a curve in a report; more would only make the file larger


@dataclass(frozen=True)
class OneVsRest:
    """How well one class's probability tells it from all others.

    Attributes:
        false_positive_rate: of the ROC curve; 0 to 1, rising.
        true_positive_rate: of the ROC curve.
        auc: area under the ROC curve: the chance that a picture of the class gets more than one that is not.
        recall: of the precision-recall curve; 0 to 1, rising.
        precision: of the precision-recall curve.
        average_precision: area under it, without interpolation.
    """

    false_positive_rate: np.ndarray
    true_positive_rate: np.ndarray
    auc: float
    recall: np.ndarray
    precision: np.ndarray
    average_precision: float


def one_vs_rest(probabilities: np.ndarray, truth: np.ndarray, k: int) -> OneVsRest | None:
    """Return the curves of class k; None if all or none of the pictures are of it.

    Args:
        probabilities: float[N, K].
        truth: int[N], true classes.
        k: the class.
    """
    positive, scores = truth == k, probabilities[:, k]
    if positive.all() or not positive.any():
        return None
    false_rate, true_rate, _ = roc_curve(positive, scores)
    precision, recall, _ = precision_recall_curve(positive, scores)
    false_rate, true_rate = _thinned(false_rate, true_rate)
    recall, precision = _thinned(recall[::-1], precision[::-1])
    return OneVsRest(
        false_rate,
        true_rate,
        float(roc_auc_score(positive, scores)),
        recall,
        precision,
        float(average_precision_score(positive, scores)),
    )


def micro_average(probabilities: np.ndarray, truth: np.ndarray) -> dict[str, list[float]]:
    """Return one ROC curve of all classes: every pair of picture and class is a question of yes or no.

    Returns: "fpr", "tpr" and "threshold", from the strictest threshold, which is 1, down.
    """
    asked = np.eye(probabilities.shape[1], dtype=bool)[truth].ravel()
    false_rate, true_rate, thresholds = roc_curve(asked, probabilities.ravel())
    kept = np.unique(np.linspace(0, len(thresholds) - 1, min(len(thresholds), _POINTS)).astype(int))
    found = {"fpr": false_rate, "tpr": true_rate, "threshold": np.minimum(thresholds, 1.0)}
    return {name: [round(float(value), 6) for value in values[kept]] for name, values in found.items()}


@dataclass(frozen=True)
class Reliability:
    """Confidence against accuracy, in bins that hold pictures.

    Attributes:
        confidence: mean of the largest probability in each bin.
        accuracy: share of right answers in each bin.
        low: lower end of its 95 % interval.
        high: upper end.
        pictures: int, in each bin.
    """

    confidence: np.ndarray
    accuracy: np.ndarray
    low: np.ndarray
    high: np.ndarray
    pictures: np.ndarray


def reliability(probabilities: np.ndarray, truth: np.ndarray, bins: int = 10) -> Reliability:
    """Compare how sure a model says it is with how often it is right (DeGroot and Fienberg 1983).

    Bins hold equally many pictures, so that each point is known equally well; a confident model's pictures would
    otherwise all be in the last of equally wide ones.
    """
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    order = np.argsort(confidence, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    bounds = np.array([metrics.wilson(int(right[part].sum()), len(part)) for part in parts])
    return Reliability(
        np.array([confidence[part].mean() for part in parts]),
        np.array([right[part].mean() for part in parts]),
        bounds[:, 0],
        bounds[:, 1],
        np.array([len(part) for part in parts]),
    )


def coverage(probabilities: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return shares of pictures answered, the surest first, and the accuracy on them (El-Yaniv and Wiener 2010).

    It says what is gained by leaving the least sure pictures to a person.
    """
    order = np.argsort(-probabilities.max(axis=1), kind="stable")
    right = (probabilities.argmax(axis=1) == truth)[order]
    answered = np.arange(1, len(right) + 1)
    first = min(len(right), max(10, len(right) // 20)) - 1  # of fewer pictures a share says nothing
    shares, accuracies = _thinned((answered / len(right))[first:], (np.cumsum(right) / answered)[first:])
    return shares, accuracies


def residual_temperature(probabilities: np.ndarray, truth: np.ndarray) -> float:
    """Find the temperature that would still suit calibrated answers: near 1 nothing is left to mend.

    log p equals the logits but for a constant of each picture, which soft-max takes away.
    """
    return metrics.fit_temperature(np.log(np.clip(probabilities, 1e-7, 1)), truth)


def brier(probabilities: np.ndarray, truth: np.ndarray) -> float:
    """Return the mean squared distance of probabilities from the truth, 0 (best) to 2 (Brier 1950)."""
    return float(((probabilities - np.eye(probabilities.shape[1])[truth]) ** 2).sum(axis=1).mean())


def _thinned(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Keep at most _POINTS points of a curve, both ends among them."""
    if len(x) <= _POINTS:
        return x, y
    kept = np.unique(np.linspace(0, len(x) - 1, _POINTS).round().astype(int))
    return x[kept], y[kept]
