"""Prove on pictures that a model made elsewhere is given the pixels that it was trained on, and its labels in order.

The seeds of this project trained on one scaling and served another, and nothing failed. A file says nothing of its
scaling either: so under the declared one the model must be better than chance, and no other may be clearly better.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from scipy.optimize import linear_sum_assignment
from tqdm import tqdm

from training.artefact.foreign import Foreign, ForeignError
from training.artefact.scalings import IN_COLOUR, MEANING, SCALINGS
from training.artefact.writer import Classify
from training.evaluation import metrics
from training.evaluation.paired import mcnemar

_PROOF_PICTURES, _LEAST_PICTURES, _BATCH = 300, 20, 16
_SIGNIFICANT = 0.01  # of McNemar's test that another scaling is better
_GREY = (0.299, 0.587, 0.114)  # ITU-R BT.601, as Pillow's mode L


class ImportRefused(ForeignError):  # noqa: N818 - what a reader of `except` wants to see
    """The model loads, but what it says of the pictures speaks against what was declared of it."""


@dataclass(frozen=True)
class Proof:
    """What the pictures say.

    Args:
        accuracies: under each scaling.
        pictures: how many were looked at.
        squash: whether the answers are logits.
    """

    accuracies: Mapping[str, float]
    pictures: int
    squash: bool


def prove(
    model: Foreign,
    scaling: str,
    images: np.ndarray,
    truth: np.ndarray,
    *,
    labels: Sequence[str],
    positive: str | None = None,
) -> Proof:
    """Hold the declared scaling to the pictures.

    Args:
        model: what was loaded.
        scaling: the declared one, a key of `SCALINGS`.
        images: uint8[N, S, S, 3].
        truth: int[N].
        labels: K class names.
        positive: for a model of one output, the label that it speaks for.
    Raises: ImportRefused if the model is not better than always saying one class, or if another scaling is clearly
        better (McNemar's exact test over the same pictures); both say what was measured.
    """
    rows = _sample(truth)
    if len(rows) < _LEAST_PICTURES or len(np.unique(truth[rows])) < len(labels):
        raise ImportRefused(
            f"{len(rows)} pictures prove nothing: at least {_LEAST_PICTURES} are needed, of every class."
        )
    pictures, wanted = images[rows], truth[rows]
    grey = model.channels == 1
    possible = [name for name in SCALINGS if not (grey and name in IN_COLOUR)]
    if scaling not in possible:
        raise ForeignError(f"--scaling {scaling} is for colours; this model takes one grey channel.")
    raw = {name: answer(prepared(model, name), pictures, f"scaling {name}") for name in possible}
    squash = _is_logits(raw[scaling])
    said = {name: _probabilities(found, labels, positive, squash=squash) for name, found in raw.items()}
    right = {name: answer.argmax(axis=1) == wanted for name, answer in said.items()}
    accuracies = {name: round(float(hits.mean()), 4) for name, hits in right.items()}
    measured = ", ".join(f"{name} {value:.3f}" for name, value in accuracies.items())
    chosen = right[scaling]
    best = max(accuracies, key=lambda name: accuracies[name])
    gained, lost = int((right[best] & ~chosen).sum()), int((chosen & ~right[best]).sum())
    chance = float(np.bincount(wanted).max() / len(wanted))
    if gained > lost and mcnemar(gained, lost) < _SIGNIFICANT and _beats(chance, right[best]):
        raise ImportRefused(
            f"--scaling {scaling} is wrong: accuracy on {len(rows)} pictures is {measured}. Use --scaling "
            f"{best} ({MEANING[best]})."
        )
    if not _beats(chance, chosen):
        raise ImportRefused(
            f"The model is not better than always saying one class ({chance:.3f}): accuracy on {len(rows)} pictures is "
            f"{measured}.{_other_order(said[scaling], wanted, labels)}"
        )
    return Proof(accuracies, len(rows), squash)


def prepared(model: Foreign, scaling: str) -> Classify:
    """Put grey, scaling and the input's rank before the model: float32[N, S, S, 3] in 0..255 -> its own answers."""

    def run(image: tf.Tensor) -> tf.Tensor:
        grey = model.channels == 1
        x = SCALINGS[scaling](tf.reduce_sum(image * tf.constant(_GREY), axis=-1, keepdims=True) if grey else image)
        return model.run(x)

    return run


def classifier(model: Foreign, scaling: str, labels: Sequence[str], positive: str | None, *, squash: bool) -> Classify:
    """Put scaling before a model and probabilities of two classes or more behind it.

    Args:
        model: what was loaded.
        scaling: a key of `SCALINGS`.
        labels: K class names.
        positive: for a model of one output, the label that it speaks for.
        squash: whether its answers are logits.
    """
    run = prepared(model, scaling)

    def classify(image: tf.Tensor) -> tf.Tensor:
        raw = run(image)
        if model.outputs > 1:
            return tf.nn.softmax(raw) if squash else raw
        p = tf.sigmoid(raw) if squash else raw
        return tf.concat([p, 1 - p] if labels[0] == positive else [1 - p, p], axis=1)

    return classify


def _probabilities(raw: np.ndarray, labels: Sequence[str], positive: str | None, *, squash: bool) -> np.ndarray:
    """Do what `classifier` does behind the model, with NumPy."""
    if raw.shape[1] > 1:
        return metrics.softmax(raw) if squash else raw
    p = 1 / (1 + np.exp(-np.clip(raw, -50, 50))) if squash else raw
    return np.concatenate([p, 1 - p] if labels[0] == positive else [1 - p, p], axis=1)


def _is_logits(raw: np.ndarray) -> bool:
    """Tell whether answers float[N, K] are logits, not probabilities; raise ForeignError for what is neither."""
    if not np.isfinite(raw).all():
        raise ForeignError("The model answers NaN or infinity.")
    if raw.min() < 0 or raw.max() > 1:
        return True
    if raw.shape[1] == 1 or np.allclose(raw.sum(axis=1), 1, atol=1e-3):
        return False
    raise ForeignError("The model's answers do not sum to 1: it judges each label by itself and chooses no class.")


def answer(classify: Classify, images: np.ndarray, what: str) -> np.ndarray:
    """Run a model on uint8[N, S, S, 3], with a progress bar: float64[N, K]."""
    call = tf.function(classify, reduce_retracing=True)
    starts = tqdm(range(0, len(images), _BATCH), desc=what, unit="batch", disable=None, leave=False)
    batches = [call(tf.constant(np.asarray(images[i : i + _BATCH]), tf.float32)).numpy() for i in starts]
    return np.concatenate(batches).astype(np.float64)


def _sample(truth: np.ndarray) -> np.ndarray:
    """Choose rows for the proof: all, or as many of every class as come to `_PROOF_PICTURES`."""
    classes = np.unique(truth)
    each = max(1, _PROOF_PICTURES // len(classes))
    return np.concatenate([np.flatnonzero(truth == k)[:each] for k in classes])


def _beats(chance: float, right: np.ndarray) -> bool:
    """Tell whether the share of right answers, bool[N], is above chance, its whole 95 % interval that is."""
    return metrics.wilson(int(right.sum()), len(right))[0] > chance


def _other_order(probabilities: np.ndarray, truth: np.ndarray, labels: Sequence[str]) -> str:
    """Say which order of labels would fit the answers, if one does."""
    table = metrics.confusion(probabilities.argmax(axis=1), truth, len(labels))
    rows, columns = linear_sum_assignment(table, maximize=True)
    right, chance = int(table[rows, columns].sum()), float(np.bincount(truth).max() / len(truth))
    if metrics.wilson(right, len(truth))[0] <= chance:
        return " No order of the labels does better: is this a model of these pictures?"
    order = [labels[k] for k in rows[np.argsort(columns)]]
    return f" With --labels {','.join(order)} (or --positive the other) it would be {right / len(truth):.3f}."
