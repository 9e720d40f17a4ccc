"""The best candidate, by the validation split."""

import json

import pytest

from training.choice import choose, table
from training.commands import commands


def run_of(folder, text, accuracy, log_loss):
    folder.mkdir()
    (folder / "candidate.json").write_text(json.dumps({"candidate": text}))
    figures = {"accuracy": {"value": accuracy, "low": 0.5, "high": 1.0, "n": 75}, "log_loss": log_loss}
    other = {"accuracy": {"value": 1 - accuracy, "low": 0, "high": 1, "n": 99}, "log_loss": -log_loss}
    (folder / "run.json").write_text(json.dumps({"metrics": {"validation": figures, "test": other}}))
    return folder


@pytest.fixture
def runs(tmp_path):
    """The first is the most often right, the second has the least log loss, the third is like the second."""
    return [
        run_of(tmp_path / "a", "own", 0.9, 0.5),
        run_of(tmp_path / "b", "epochs=5", 0.8, 0.3),
        run_of(tmp_path / "c", "epochs=6", 0.8, 0.3),
    ]


@pytest.mark.parametrize(("metric", "best"), [("log-loss", "epochs=5"), ("accuracy", "own")])
def test_the_best_is_chosen_by_the_validation_split(runs, metric, best):
    """Less log loss or more accuracy; of equals the first; the test split, which says the opposite, is not asked."""
    assert best == choose(runs, metric)[0].text


def test_a_table_shows_all_and_marks_the_best(runs):
    """Each candidate is a row with its figures; the reason stands below."""
    text = table(*choose(runs, "log-loss"), "log-loss")
    assert "| **epochs=5** | 0.8000 (0.500 to 1.000) | 0.3000 |" in text
    assert "| own | 0.9000 (0.500 to 1.000) | 0.5000 |" in text
    assert text.endswith("Chosen by log-loss: epochs=5.")


def test_a_folder_that_is_no_run_is_refused(tmp_path, runs):
    """Also a run whose figures are not those of a candidate."""
    with pytest.raises(ValueError, match="no candidate"):
        choose([tmp_path], "log-loss")
    (runs[0] / "run.json").write_text(json.dumps({"metrics": {}}))
    with pytest.raises(ValueError, match="no candidate"):
        choose(runs, "log-loss")


def test_the_verb_s_metrics_are_the_module_s():
    """`--metric` takes what `choose` knows."""
    import argparse

    from training.choice import METRICS

    parser = argparse.ArgumentParser()
    commands()["choose"].add_arguments(parser)
    (metric,) = [action for action in parser._actions if "metric" == action.dest]
    assert set(METRICS) == set(metric.choices)
