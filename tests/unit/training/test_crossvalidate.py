"""Cross-validation judges every picture once, and goes on where it stopped."""

import dataclasses

import keras
import pytest

from training import crossvalidate as module
from training.config import load_config, smoke
from training.crossvalidate import crossvalidate
from training.drawings import write_folder

CONFIG = dataclasses.replace(smoke(load_config("pizza")), epochs=1)


def test_every_picture_is_judged_once_and_done_folds_are_kept(tmp_path, monkeypatch):
    """The figures are over all pictures; a second run fits nothing and gives the same."""
    write_folder(tmp_path / "data", CONFIG.labels, 24, 64)
    fitted_on = []

    def fit(config, examples, run, cache):
        """Stand in for minutes of training; test_export.py runs the real one."""
        fitted_on.append({e.sha256 for e in examples})
        run.mkdir(parents=True)
        return keras.Sequential([keras.Input((64, 64, 3)), keras.layers.Flatten(), keras.layers.Dense(2)]), {}

    monkeypatch.setattr(module, "fit", fit)
    result = crossvalidate(CONFIG, tmp_path / "data", 2, tmp_path / "run")
    everything = fitted_on[0] | fitted_on[1]
    assert not fitted_on[0] & fitted_on[1]
    assert len(everything) == result["accuracy"]["n"] == sum(map(sum, result["confusion_matrix"]))

    monkeypatch.setattr(module, "fit", None)
    assert result == crossvalidate(CONFIG, tmp_path / "data", 2, tmp_path / "run")


def test_one_fold_is_refused(tmp_path):
    """One fold would have nothing to fit on."""
    with pytest.raises(ValueError, match="at least 2"):
        crossvalidate(CONFIG, tmp_path, 1, tmp_path / "run")
