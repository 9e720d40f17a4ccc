"""Candidates: written as changes of an experiment, trained once for the same experiment, pictures and code."""

import dataclasses
import json
import threading
import time

import pytest

from training import candidates as module
from training import data
from training.candidates import KEPT, candidate, candidates, code_version, copy_run, run_key, train_once
from training.config import ConfigError, load_config

DRAWN, FASHION = load_config("drawn"), load_config("fashion-mnist")


def test_a_candidate_is_the_experiment_with_changes():
    """Numbers, words and nothing at all are read as the field's type."""
    found = candidate(FASHION, "learning-rate=1e-3,epochs=5, backbone=small-cnn,weights=none,inner_size=none").config
    assert (1e-3, 5, "small-cnn", None, None) == (
        found.learning_rate, found.epochs, found.backbone, found.weights, found.inner_size
    )  # fmt: skip
    assert ("efficientnet-lite0", "efficientnet-lite2") == (
        candidate(FASHION, "teachers=efficientnet-lite0|efficientnet-lite2").config.teachers
    )
    assert candidate(FASHION, "class-weights=true").config.class_weights


def test_every_candidate_keeps_validation_and_test_for_judging():
    """Also of an experiment that is fitted on everything after a cross-validation."""
    assert "cross-validation" == FASHION.estimate
    fitted = dataclasses.replace(FASHION, fit_splits=("train", "validation"), temperature=0.6)
    own = candidate(fitted, "own").config
    assert ("test", ("train",), None) == (own.estimate, own.fit_splits, own.temperature)


@pytest.mark.parametrize(
    "text",
    ["learning-rate", "learning-rate=fast", "epochs=1.5", "no-such=1", "name=other", "fit-splits=train|test", "",
     "dropout=2", "class-weights=perhaps", "backbone=resnet"],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(text):
    """Unknown fields, values of another type, what a model is called, and what `check` refuses."""
    with pytest.raises(ConfigError):
        candidate(FASHION, text)


def test_two_that_are_the_same_are_refused():
    """Also where they are written differently; one at least is needed."""
    with pytest.raises(ConfigError, match="are the same"):
        candidates(FASHION, ["own", "learning-rate=3e-4", "learning-rate=0.0003"])
    with pytest.raises(ConfigError, match="no candidate"):
        candidates(FASHION, [])


def test_a_key_changes_with_all_that_decides_a_run(monkeypatch):
    """Experiment, pictures, code and libraries; nothing else."""
    key = run_key(DRAWN, "a")
    assert key == run_key(DRAWN, "a")
    others = {run_key(dataclasses.replace(DRAWN, epochs=9), "a"), run_key(DRAWN, "b")}
    monkeypatch.setattr(module, "code_version", lambda: "other")
    others.add(run_key(DRAWN, "a"))
    monkeypatch.undo()
    monkeypatch.setattr(module.provenance, "libraries", lambda: {"keras": "4"})
    others.add(run_key(DRAWN, "a"))
    assert 4 == len(others)
    assert key not in others


def test_code_that_decides_counts_and_code_that_shows_does_not(tmp_path, monkeypatch):
    """A change of fit.py is another version, one of a report, a verb, an experiment or the pipeline is none."""
    monkeypatch.setattr(module, "_ROOT", tmp_path)
    for name in ("fit.py", "report/page.py", "commands/new.py", "configs/pizza.py", "pipeline/steps.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("a = 1\n")
    before = code_version()
    for name in ("report/page.py", "commands/new.py", "configs/pizza.py", "pipeline/steps.py"):
        (tmp_path / name).write_text("a = 2\n")
    assert before == code_version()
    (tmp_path / "fit.py").write_text("a = 2\n")
    assert before != code_version()


@pytest.fixture
def trained(monkeypatch):
    """Runs that `train` was asked for; what it writes is a stand-in."""
    asked = []

    def train(config, source, run, cache=None, *, drop=None):
        asked.append((config, run))
        run.mkdir(parents=True, exist_ok=True)
        for name in KEPT[:-1]:
            (run / name).write_text("{}")

    monkeypatch.setattr("training.train.train", train)
    return asked


def test_what_was_trained_is_not_trained_again(trained, drawings, tmp_path):
    """The same candidate on the same pictures is found; another one, or other pictures, are trained."""
    one, other = (candidate(DRAWN, text) for text in ("own", "epochs=1"))
    run, known = train_once(one, drawings, tmp_path / "runs")
    assert (not known, [(one.config, run)]) == (True, trained)
    assert (run, True) == train_once(one, drawings, tmp_path / "runs")
    assert run != train_once(other, drawings, tmp_path / "runs")[0]
    next(drawings.glob("sky/*.png")).unlink()
    assert not train_once(one, drawings, tmp_path / "runs")[1]
    assert 3 == len(trained)


@pytest.mark.parametrize("missing", KEPT)
def test_a_run_that_is_not_whole_is_gone_on_with(trained, drawings, tmp_path, missing):
    """Without any one of its files a run is no finished one: the same folder is trained in again."""
    one = candidate(DRAWN, "own")
    run, _ = train_once(one, drawings, tmp_path / "runs")
    (run / missing).unlink()
    assert (run, False) == train_once(one, drawings, tmp_path / "runs")
    assert 2 == len(trained)


def test_two_runs_of_a_candidate_wait_for_each_other(drawings, tmp_path, monkeypatch):
    """What a killed pipeline left running is waited for: the second finds what the first has made."""
    begun, asked = threading.Event(), []

    def train(config, source, run, cache=None, *, drop=None):
        asked.append(run)
        begun.set()
        time.sleep(0.5)
        run.mkdir(parents=True, exist_ok=True)
        for name in KEPT[:-1]:
            (run / name).write_text("{}")

    monkeypatch.setattr("training.train.train", train)
    one = candidate(DRAWN, "own")
    first = threading.Thread(target=train_once, args=(one, drawings, tmp_path / "runs"))
    first.start()
    assert begun.wait(30)
    assert train_once(one, drawings, tmp_path / "runs")[1]
    first.join()
    assert 1 == len(asked)


def test_a_failed_training_leaves_no_finished_run(drawings, tmp_path, monkeypatch):
    """The file that says a run is whole is written after everything else."""
    monkeypatch.setattr("training.train.train", lambda *a, **k: (_ for _ in ()).throw(ValueError("no")))
    with pytest.raises(ValueError, match="no"):
        train_once(candidate(DRAWN, "own"), drawings, tmp_path / "runs")
    assert [] == list((tmp_path / "runs").glob("*/candidate.json"))


def test_a_copy_has_what_later_steps_read(trained, drawings, tmp_path):
    """Weights, record, experiment and what it was called; not its checkpoints."""
    run, _ = train_once(candidate(DRAWN, "own"), drawings, tmp_path / "runs")
    (run / "checkpoints").mkdir()
    copy_run(run, tmp_path / "copy")
    assert sorted(KEPT) == sorted(path.name for path in (tmp_path / "copy").iterdir())
    assert "own" == json.loads((tmp_path / "copy/candidate.json").read_text())["candidate"]


@pytest.fixture(scope="module")
def all_drawings(tmp_path_factory):
    from training.artefact.drawings import write_folder

    folder = tmp_path_factory.mktemp("drawn") / "pictures"
    write_folder(folder, DRAWN.labels, 6, 48)
    return folder


@pytest.fixture
def drawings(all_drawings, tmp_path):
    import shutil

    return shutil.copytree(all_drawings, tmp_path / "pictures")


def test_drawings_are_a_data_set_of_their_own(tmp_path):
    """`--data drawn` needs no network, and gives the classes and the number that the data set says."""
    from training.data import datasets

    known = datasets.DATA_SETS["drawn"]
    examples, labels = data.scan(datasets.fetch("drawn", tmp_path), known.labels)
    assert (known.pictures, DRAWN.labels) == (len(examples), labels)
