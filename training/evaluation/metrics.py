"""Figures of a classifier, each with what it can be trusted for."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

_Z95 = 1.959964
_BINS = 15


def softmax(logits: np.ndarray) -> np.ndarray:
    """Turn logits float[N, K] into probabilities float[N, K]; rows sum to 1."""
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponents / exponents.sum(axis=1, keepdims=True)


def wilson(right: int, n: int) -> tuple[float, float]:
    """Return the 95 % Wilson score interval of a proportion (Wilson 1927, doi:10.2307/2276774)."""
    if n == 0:
        return 0.0, 1.0
    p, z2 = right / n, _Z95**2
    centre, spread = p + z2 / (2 * n), _Z95 * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    return max(0.0, (centre - spread) / (1 + z2 / n)), min(1.0, (centre + spread) / (1 + z2 / n))


def cross_validated(accuracies: Sequence[float], test_share: float) -> tuple[float, float, float]:
    """Return mean and 95 % interval of the accuracies of repeated or folded training runs.

    The runs share training pictures, so their plain variance is too small: the corrected resampled t interval adds the
    ratio of test to training pictures to 1 / runs (Nadeau and Bengio 2003, doi:10.1023/A:1024068626366).

    Args:
        accuracies: one of each run, in 0..1, of pictures that the run was not trained on.
        test_share: share of the pictures that a run is tested on, in 0..1; 1 / k for k folds.
    Returns: mean, low, high; within 0..1.
    Raises: ValueError for fewer than two runs, or a share that leaves nothing to test or to train on.
    """
    from scipy.special import stdtrit  # here: `make evaluate` has no SciPy

    runs = len(accuracies)
    if runs < 2:  # noqa: PLR2004 - one run has no spread
        raise ValueError(f"An interval needs two or more runs of cross-validation, and there is {runs}.")
    if not 0 < test_share < 1:
        raise ValueError(f"The share of pictures to test on has to be between 0 and 1, and is {test_share}.")
    mean, variance = float(np.mean(accuracies)), float(np.var(accuracies, ddof=1))
    spread = float(stdtrit(runs - 1, 0.975)) * math.sqrt((1 / runs + test_share / (1 - test_share)) * variance)
    return mean, max(0.0, mean - spread), min(1.0, mean + spread)


def confusion(predicted: np.ndarray, truth: np.ndarray, classes: int) -> np.ndarray:
    """Count pictures: int[K, K], rows are true classes, columns predicted ones."""
    table = np.zeros((classes, classes), np.int64)
    np.add.at(table, (truth, predicted), 1)
    return table


def expected_calibration_error(probabilities: np.ndarray, truth: np.ndarray) -> float:
    """Average |confidence - accuracy| over 15 equal bins of confidence (Guo et al., arXiv:1706.04599)."""
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    bins = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    gaps = [abs(float((confidence - right)[bins == b].sum())) for b in range(_BINS)]
    return sum(gaps) / len(truth)


def log_loss(probabilities: np.ndarray, truth: np.ndarray) -> float:
    """Average -ln of what is said of the true classes; probabilities float[N, K], truth int[N]."""
    return float(-np.log(probabilities[np.arange(len(truth)), truth] + 1e-12).mean())


def fit_temperature(logits: np.ndarray, truth: np.ndarray) -> float:
    """Find the T in 0.25..4 for which softmax(logits / T) has the least log loss on these pictures."""
    candidates = np.geomspace(0.25, 4.0, 121)
    losses = [log_loss(softmax(logits / t), truth) for t in candidates]
    return round(float(candidates[int(np.argmin(losses))]), 3)


def summary(probabilities: np.ndarray, truth: np.ndarray, labels: Sequence[str]) -> dict[str, Any]:
    """Measure answers against the truth.

    Args:
        probabilities: float[N, K].
        truth: int[N], true classes.
        labels: K class names.
    Returns: accuracy with its 95 % interval, figures of each class, confusion matrix, calibration error; JSON-ready.
    """
    predicted = probabilities.argmax(axis=1)
    table = confusion(predicted, truth, len(labels))
    right, n = int(np.trace(table)), len(truth)
    low, high = wilson(right, n)
    return {
        "accuracy": {"value": round(right / n, 4), "low": round(low, 4), "high": round(high, 4), "n": n},
        "per_class": {name: _of_class(table, k) for k, name in enumerate(labels)},
        "confusion_matrix": table.tolist(),
        "ece": round(expected_calibration_error(probabilities, truth), 4),
        "log_loss": round(log_loss(probabilities, truth), 4),
    }


def class_intervals(table: np.ndarray) -> list[dict[str, tuple[float, float]]]:
    """Return the 95 % intervals of each class's precision, recall and F1.

    Precision and recall are proportions: Wilson. F1 = 2 J / (1 + J) rises with J = hits / (hits + misses + false
    alarms), a proportion of the pictures that are of the class or called so: J's Wilson interval, carried over.

    Args:
        table: int[K, K], rows are true classes, columns predicted ones.
    """
    found = []
    for k in range(len(table)):
        hit, asked, said = int(table[k, k]), int(table[k].sum()), int(table[:, k].sum())
        low, high = wilson(hit, asked + said - hit)
        f1 = (2 * low / (1 + low), 2 * high / (1 + high))
        found.append({"precision": wilson(hit, said), "recall": wilson(hit, asked), "f1": f1})
    return found


def _of_class(table: np.ndarray, k: int) -> dict[str, float | int]:
    hit, asked, said = int(table[k, k]), int(table[k].sum()), int(table[:, k].sum())
    precision, recall = hit / said if said else 0.0, hit / asked if asked else 0.0
    f1 = 2 * hit / (said + asked) if said + asked else 0.0
    return {"precision": round(precision, 4), "recall": round(recall, 4), "f1": round(f1, 4), "pictures": asked}
