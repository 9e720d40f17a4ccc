"""Judge a recipe on every picture: each by a model that was fitted without it.

The test split of a small folder is a few hundred pictures, so its accuracy is known to three points or so; this uses
all of them, at the price of one training a fold. The folds follow from the pictures' content, as the splits do, and
near duplicates are always in one fold.
"""

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np

from training.config import Config
from training.data import DataError
from training.evaluation import metrics
from training.fit import fit
from training.pictures import Pictures, predict

RESULT_FILE, LOGITS_FILE = "crossvalidation.json", "logits.npz"


def folds_of(config: Config, pictures: Pictures) -> np.ndarray:
    """Give the fold of each picture, int[N]."""
    return np.array([int(e.group[16:24], 16) % config.folds for e in pictures.examples])


def out_of_fold(config: Config, pictures: Pictures, run: Path) -> np.ndarray:
    """Read what the folds' models said of the pictures that they were not fitted on: logits float32[N, K]."""
    fold_of = folds_of(config, pictures)
    logits = np.empty((len(pictures), len(config.labels)), np.float32)
    for fold in range(config.folds):
        logits[fold_of == fold] = np.load(run / f"fold-{fold}" / LOGITS_FILE)["logits"]
    return logits


def crossvalidate(config: Config, pictures: Pictures, run: Path) -> dict[str, Any]:
    """Fit a model a fold and judge the fold's pictures with it.

    A killed run goes on where it stopped: folds that are done are kept in `run`.

    Args:
        config: the experiment; its `fit_splits` are not looked at.
        pictures: all that are to be judged.
        run: folder for the folds' weights and answers.
    Returns: figures over all pictures, as `metrics.summary` gives them, with the interval of the folds' accuracies
        and the temperature; also written to `run/crossvalidation.json`.
    Raises: DataError, WeightsError as `train.train`.
    """
    fold_of = folds_of(config, pictures)
    for fold in range(config.folds):
        held_out = fold_of == fold
        kept = run / f"fold-{fold}" / LOGITS_FILE
        what = f"fold {fold + 1} of {config.folds}"
        if not held_out.any():
            raise DataError(f"{len(pictures)} pictures are too few for {config.folds} folds.")
        if not kept.exists():
            print(f"{what}: {(~held_out).sum()} pictures to fit, {held_out.sum()} to judge")
            keras.utils.clear_session()  # else every fold's graph stays in memory
            model, _ = fit(config, pictures.where(~held_out), kept.parent)
            answers = predict(model, pictures.where(held_out).at(config.size), f"judge {what}")
            partial = kept.with_suffix(".partial.npz")
            np.savez(partial, logits=answers)
            partial.replace(kept)
        right = float((np.load(kept)["logits"].argmax(axis=1) == pictures.labels[held_out]).mean())
        print(f"{what}: accuracy {right:.4f}")
    logits = out_of_fold(config, pictures, run)
    result = summarise(config, logits, pictures, fold_of)
    (run / RESULT_FILE).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return result


def summarise(config: Config, logits: np.ndarray, pictures: Pictures, fold_of: np.ndarray) -> dict[str, Any]:
    """Turn out-of-fold logits into figures; each fold is calibrated by the temperature that the others suit."""
    truth = pictures.labels
    probabilities = np.empty_like(logits)
    for fold in range(config.folds):
        here = fold_of == fold
        temperature = config.temperature or metrics.fit_temperature(logits[~here], truth[~here])
        probabilities[here] = metrics.softmax(logits[here] / temperature)
    found = metrics.summary(probabilities, truth, config.labels)
    right = probabilities.argmax(axis=1) == truth
    accuracies = [float(right[fold_of == fold].mean()) for fold in range(config.folds)]
    _, low, high = metrics.cross_validated(accuracies, 1 / config.folds)
    # The pooled value has the weight of every picture; the interval is that of models fitted on other pictures.
    found["accuracy"] |= {"low": round(low, 4), "high": round(high, 4)}
    return {
        "method": f"{config.folds}-fold cross-validation",
        "temperature": config.temperature or metrics.fit_temperature(logits, truth),
        "folds": [round(accuracy, 4) for accuracy in accuracies],
        **found,
    }
