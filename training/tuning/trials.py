"""One try of a study: fit on the train split, judge on the validation split; the test split is never looked at."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import optuna

from training import data
from training.config import Config
from training.evaluation import metrics
from training.fit import class_weights, fit
from training.heads import fit_head, logits, teach
from training.pictures import Pictures, predict
from training.tracking import Tracker


@dataclass(frozen=True)
class Outcome:
    """How good a try is.

    Args:
        log_loss: mean over the validation pictures, at the temperature that suits them best.
        temperature: that one.
        right: bool[N], which validation pictures it is right in.
        seconds: what the try took.
    """

    log_loss: float
    temperature: float
    right: np.ndarray
    seconds: float


def judge(answers: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Measure logits float[N, K] against the truth int[N].

    Log loss and not accuracy, because 150 pictures tell accuracy in steps of 0.7 points, among which most tries would
    be ties; at the best temperature, because a model is calibrated before it is exported, so that being sure is no
    merit by itself.

    Returns: mean log loss (infinite where a logit is no number), and the temperature.
    """
    if not np.isfinite(answers).all():
        return math.inf, 1.0
    temperature = metrics.fit_temperature(answers, truth)
    return metrics.log_loss(metrics.softmax(answers / temperature), truth), temperature


def fit_frozen(config: Config, pictures: Pictures) -> Outcome:
    """Fit a head to frozen features, which are computed once for a backbone and size: seconds a try."""
    started = time.monotonic()
    train, validation = pictures.of_splits(["train"]), pictures.of_splits(["validation"])
    known = {"backbone": config.backbone, "size": config.size, "weights": config.weights}
    seen, unseen = (part.features(**known, inner_size=config.inner_size) for part in (train, validation))
    classes = len(config.labels)
    targets = teach(config, train, data.one_hot(train.examples, classes))
    weights = class_weights(train.labels, classes) if config.class_weights else None
    answers = logits(unseen, fit_head(seen, targets, config, weights))
    return _outcome(answers, validation.labels, started)


def fit_whole(config: Config, pictures: Pictures, run: Path, report: Callable[[int, float], None]) -> Outcome:
    """Train as `training train` does; a killed try goes on from its last whole epoch in the same folder.

    Args:
        config: the experiment.
        pictures: all of them.
        run: folder of the try.
        report: told of (epoch, log loss on validation) at the end of each epoch; may raise optuna.TrialPruned.
    """
    started = time.monotonic()
    train, validation = pictures.of_splits(["train"]), pictures.of_splits(["validation"])
    keras.utils.clear_session()  # else every try's graph stays in memory
    watch = _Watch(validation.at(config.train_size), validation.labels, report)
    model, _ = fit(config, train, run, validation, _Watched(watch))
    answers = predict(model, validation.at(config.size), "judge on validation")
    return _outcome(answers, validation.labels, started)


def _outcome(answers: np.ndarray, truth: np.ndarray, started: float) -> Outcome:
    loss, temperature = judge(answers, truth)
    return Outcome(loss, temperature, answers.argmax(axis=1) == truth, time.monotonic() - started)


class _Watch(keras.callbacks.Callback):
    """Judge the weights of each epoch as they are; their averages, which the try ends with, exist only at its end."""

    def __init__(self, images: np.ndarray, truth: np.ndarray, report: Callable[[int, float], None]) -> None:
        super().__init__()
        self._images, self._truth, self._report = images, truth, report

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        del logs
        answers = predict(self.model, self._images, "validation")
        self._report(epoch, judge(answers, self._truth)[0])


class _Watched(Tracker):
    """Bring one callback into a fit, the way trackers do."""

    def __init__(self, watch: _Watch) -> None:
        super().__init__()
        self._watch = watch

    def callbacks(self, prefix: str = "") -> list[keras.callbacks.Callback]:
        del prefix
        return [self._watch]


def pruned_if_poor(trial: optuna.Trial) -> Callable[[int, float], None]:
    """Make a `report` that ends a try which is worse than the median of the others at the same epoch."""

    def report(epoch: int, loss: float) -> None:
        trial.report(loss, epoch)
        if not math.isfinite(loss):
            raise optuna.TrialPruned(f"diverged in epoch {epoch + 1}")
        if trial.should_prune():
            raise optuna.TrialPruned(f"behind in epoch {epoch + 1}")

    return report
