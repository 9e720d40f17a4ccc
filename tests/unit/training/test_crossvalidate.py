"""Cross-validation judges every picture once, by a model fitted without it, and goes on where it stopped."""

from dataclasses import replace

import numpy as np
import pytest

from tests.unit.training.test_fit import CONFIG
from training import crossvalidate as module
from training.artefact.drawings import write_folder
from training.crossvalidate import crossvalidate, folds_of, out_of_fold, summarise
from training.data import DataError
from training.data.audit import audit
from training.pictures import Pictures

FOLDED = replace(CONFIG, estimate="cross-validation", folds=2, epochs=1)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_folder(folder, CONFIG.labels, 20, 32)
    return Pictures.of(audit(folder, CONFIG.labels).examples, None)


def test_every_picture_is_judged_once_and_done_folds_are_kept(pictures, tmp_path, monkeypatch):
    """The figures are over all pictures; a second run fits nothing and gives the same."""
    fitted_on, real = [], module.fit

    def fit(config, part, run):
        fitted_on.append(set(part.rows))
        return real(config, part, run)

    monkeypatch.setattr(module, "fit", fit)
    result = crossvalidate(FOLDED, pictures, tmp_path)
    assert not fitted_on[0] & fitted_on[1]
    assert len(pictures) == len(fitted_on[0] | fitted_on[1]) == sum(map(sum, result["confusion_matrix"]))
    assert result["accuracy"]["low"] <= result["accuracy"]["value"] <= result["accuracy"]["high"]

    monkeypatch.setattr(module, "fit", None)
    assert result == crossvalidate(FOLDED, pictures, tmp_path)


def test_near_duplicates_are_in_one_fold(pictures):
    """The fold follows the group, so no model is judged on a twin of what it was fitted on."""
    everything = [replace(example, group=pictures.everything[0].sha256) for example in pictures.everything]
    assert 1 == len(set(folds_of(FOLDED, Pictures.of(everything, None))))


def test_calibration_is_judged_on_other_pictures_than_it_was_fitted_on(pictures):
    """Logits that are ten times too sure come out calibrated by the other fold's temperature."""
    rng = np.random.default_rng(0)
    fold_of = folds_of(FOLDED, pictures)
    clean = rng.normal(0, 1, (len(pictures), 3)) + 1.2 * np.eye(3)[pictures.labels]
    sure = summarise(FOLDED, 3 * clean, pictures, fold_of)
    plain = summarise(FOLDED, clean, pictures, fold_of)
    assert sure["temperature"] == pytest.approx(3 * plain["temperature"], rel=0.1)
    assert sure["log_loss"] == pytest.approx(plain["log_loss"], abs=0.02)
    fixed = summarise(replace(FOLDED, temperature=1.0), 3 * clean, pictures, fold_of)
    assert fixed["log_loss"] > sure["log_loss"] + 0.1


def test_too_few_pictures_for_the_folds_are_refused(pictures, tmp_path):
    """Four pictures cannot fill a hundred folds."""
    with pytest.raises(DataError, match="too few"):
        crossvalidate(replace(FOLDED, folds=100), pictures.where(np.arange(len(pictures)) < 4), tmp_path)


def test_half_a_result_is_no_result(tmp_path, pictures):
    """Asking for answers of folds that were not fitted fails."""
    with pytest.raises(OSError, match="fold-0"):
        out_of_fold(FOLDED, pictures, tmp_path)
