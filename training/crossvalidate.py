"""Judge a recipe on every picture: each by a model that was fitted without it.

The test split of a small folder is a few hundred pictures, so its accuracy is known to three points or so; this uses
all of them, at the price of one training a fold. The folds follow from the pictures' content, as the splits do.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from training import data, metrics
from training.config import Config
from training.train import fit, predict

RESULT_FILE = "fold.npz"


def crossvalidate(config: Config, folder: Path, folds: int, run: Path, cache: Path | None = None) -> dict[str, Any]:
    """Fit a model a fold and judge the fold's pictures with it.

    A killed run goes on where it stopped: folds that are done are kept in `run`.

    Args:
        config: the experiment; its `fit_splits` are not looked at.
        folder: one folder per class.
        folds: number of parts, at least 2.
        run: folder for the folds' weights and answers.
        cache: folder for decoded tensors; none if None.
    Returns: figures over all pictures, as `metrics.summary` gives them; also written to `run/crossvalidation.json`.
    Raises: DataError, WeightsError as `train.train`; ValueError for fewer than two folds.
    """
    if folds < 2:  # noqa: PLR2004 - one fold has nothing to fit on
        raise ValueError(f"--folds {folds}: at least 2 are needed")
    examples, labels = data.scan(folder, config.labels)
    fold_of = np.array([int(e.sha256[16:24], 16) % folds for e in examples])
    truth = np.array([e.label for e in examples])
    probabilities = np.empty((len(examples), len(labels)))
    for fold in range(folds):
        held_out = np.flatnonzero(fold_of == fold)
        print(f"fold {fold + 1} of {folds}: {len(examples) - len(held_out)} pictures to fit, {len(held_out)} to judge")
        done = run / f"fold-{fold}" / RESULT_FILE
        if not done.exists():
            model, _ = fit(config, [examples[i] for i in np.flatnonzero(fold_of != fold)], done.parent, cache)
            images = data.load([examples[i] for i in held_out], config.size, cache)
            logits = predict(model, images, f"judge fold {fold + 1}")
            np.savez(done, probabilities=metrics.softmax(logits / config.temperature))
        probabilities[held_out] = np.load(done)["probabilities"]
        right = float((probabilities[held_out].argmax(axis=1) == truth[held_out]).mean())
        print(f"fold {fold + 1} of {folds}: accuracy {right:.4f}")
    result = {"split": f"{folds}-fold cross-validation", **metrics.summary(probabilities, truth, labels)}
    (run / "crossvalidation.json").write_text(json.dumps(result, indent=1) + "\n")
    return result
