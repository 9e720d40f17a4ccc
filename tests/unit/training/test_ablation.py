"""Leaving ingredients out is judged on the same pictures, and only ingredients that are there are left out."""

from dataclasses import replace

import numpy as np
import pytest

from tests.unit.training.test_fit import CONFIG
from training.ablation import ablate, table, variants
from training.artefact.drawings import write_folder
from training.config import check, load_config
from training.data.audit import audit
from training.pictures import Pictures
from training.report.ablation import write

FOLDED = replace(CONFIG, estimate="cross-validation", folds=2, epochs=1, label_smoothing=0.0)


def test_every_ingredient_of_a_champion_is_a_variant_and_no_other():
    """What the recipe does not have cannot be left out; every variant differs from the recipe in that alone."""
    known = variants(load_config("clothing"))
    assert {"no augmentation", "no fine-tuning", "no teacher", "no label smoothing", "no class weights"} < set(known)
    assert "no teacher" not in variants(FOLDED)
    assert load_config("clothing") == known["as it is"]
    for one in (*known.values(), *variants(load_config("pizza")).values()):
        check(one)
    assert replace(known["no teacher"], teachers=known["as it is"].teachers) == known["as it is"]


def test_rows_compare_with_the_recipe_and_a_page_shows_them(tmp_path):
    """Difference and p belong to the same pictures; the page has one row a variant."""
    write_folder(tmp_path / "data", CONFIG.labels, 20, 32)
    pictures = Pictures.of(audit(tmp_path / "data", CONFIG.labels).examples, None)
    rows = ablate(FOLDED, pictures, tmp_path / "run", ["no augmentation"])
    assert ["as it is", "no augmentation"] == [row["variant"] for row in rows]
    assert (0.0, 1.0) == (rows[0]["difference"], rows[0]["p"])
    assert np.isclose(rows[1]["difference"], rows[1]["accuracy"] - rows[0]["accuracy"], atol=2e-4)
    assert 3 == len(table(rows).splitlines())
    page = write(rows, FOLDED, len(pictures), tmp_path / "page.html").read_text()
    assert page.count("no augmentation") >= 2
    assert "cannot be told apart" in page or "pays" in page


def test_an_ingredient_that_is_not_there_is_refused(tmp_path):
    """By name, with the list of those that are."""
    with pytest.raises(ValueError, match=r"no variant no magic; there are as it is"):
        ablate(FOLDED, Pictures.of([], None), tmp_path, ["no magic"])
