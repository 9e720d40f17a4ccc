"""What the steps make of what commands say; the steps that ask Git ask a real one, by its address."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.unit.tools.delivery.test_propose import LISTED, small_copy
from tools.models import LIST
from training.pipeline import calls, steps
from training.pipeline.calls import StepFailed

MODELS = "apps/model-server/models"


class Artefact:
    """As kfp gives it to a component."""

    def __init__(self, path):
        self.path, self.metadata = str(path), {}

    def log_metric(self, name, value):
        self.metadata[name] = value

    def log_confusion_matrix(self, labels, rows):
        self.metadata["confusion"] = (labels, rows)


@pytest.fixture
def origin(tmp_path, monkeypatch):
    """A bare repository with version 1 of a model, and its address."""
    monkeypatch.setenv(calls.PYTHON, sys.executable)
    monkeypatch.setenv(calls.REASON, str(tmp_path / "reason.txt"))
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Somebody")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "somebody@example.org")
    tree = tmp_path / "tree"
    small_copy(tree / MODELS / "fashion-mnist/1")
    shutil.copy(LIST, tree / LISTED)
    for words in (["init", "--quiet", "--initial-branch=main"], ["add", "."], ["commit", "--quiet", "-m", "Begin"]):
        subprocess.run(["git", "-C", tree, *words], check=True)
    subprocess.run(["git", "clone", "--quiet", "--bare", tree, tmp_path / "origin.git"], check=True)
    return f"file://{tmp_path}/origin.git"


def asked(address, *words):
    command = ["git", "-C", address.removeprefix("file://"), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def ask_current(tmp_path, repository, name="version", content="other", **options):
    version, audit = Artefact(tmp_path / name), Artefact(tmp_path / "audit")
    audit.metadata["content_sha256"] = content
    chosen = {"against": "", "judge": "", **options}
    return version, steps.current("fashion-mnist", repository, "", audit=audit, version=version, **chosen)


def test_the_version_that_is_there_comes_from_an_address(origin, tmp_path):
    """Cloned, and left beside what it was taken from; the number and the branch to come are given."""
    version, found = ask_current(tmp_path, origin)
    assert (2, "model/fashion-mnist-2") == found
    assert ("1", asked(origin, "rev-parse", "main")) == (version.metadata["version"], version.metadata["commit"])
    assert (tmp_path / "version/fashion-mnist/1/card.json").exists()


def test_another_version_may_be_the_one_to_beat(origin, tmp_path, capsys):
    """A directory, or none at all; what is neither is refused. The number to come stays Git's."""
    small_copy(tmp_path / "mine/7")
    version, found = ask_current(tmp_path, origin, "a", against=str(tmp_path / "mine/7"))
    assert (2, "7") == (found[0], version.metadata["version"])
    version, found = ask_current(tmp_path, origin, "b", against="none")
    assert (2, "none") == (found[0], version.metadata["version"])
    with pytest.raises(StepFailed):
        ask_current(tmp_path, origin, "c", against=str(tmp_path / "no-such"))
    assert "is no directory of a model version" in (tmp_path / "reason.txt").read_text()


def test_a_version_that_remembers_the_pictures_is_told_early(origin, tmp_path, capsys):
    """Before anything is trained: the bundled version was fitted on all of its pictures; others are no matter."""
    card = json.loads((tmp_path / "tree" / MODELS / "fashion-mnist/1/card.json").read_text())
    ask_current(tmp_path, origin, "a", card["data"]["content_sha256"])
    assert "mind: it was fitted on the test split of these very pictures" in capsys.readouterr().out
    ask_current(tmp_path, origin, "b", card["data"]["content_sha256"], judge="others")
    ask_current(tmp_path, origin, "c")
    assert "mind:" not in capsys.readouterr().out


@pytest.fixture
def proved(tmp_path):
    """What the steps before leave: a version 2, that the gates passed, and the table of candidates."""
    directory = tmp_path / "model/fashion-mnist/2"
    small_copy(directory)
    card = json.loads((directory / "card.json").read_text())
    (directory / "card.json").write_text(json.dumps({**card, "version": 2}))
    (tmp_path / "passed").write_text(json.dumps({"passed": ["Goldens: good.", "Beats it."]}))
    (tmp_path / "table").write_text("| candidate |\n")
    return [Artefact(tmp_path / name) for name in ("model", "passed", "table")]


def test_a_version_is_pushed_to_an_address(origin, tmp_path, proved, capsys):
    """The branch is there, with the evidence in its commit; main is as it was."""
    before, text = asked(origin, "rev-parse", "main"), Artefact(tmp_path / "text.md")
    options = {"repository": origin, "branch": "model/fashion-mnist-2", "pull_request": False, "text": text}
    assert "model/fashion-mnist-2" == steps.promote(*proved, **options)
    assert before == asked(origin, "rev-parse", "main") == asked(origin, "rev-parse", "model/fashion-mnist-2^")
    words = asked(origin, "log", "-1", "--format=%B", "model/fashion-mnist-2")
    assert "- Goldens: good.\n- Beats it." in words
    assert "| candidate |" in words
    assert "model/fashion-mnist-2" == text.metadata["branch"]
    assert "on the branch model/fashion-mnist-2, pushed" in capsys.readouterr().out.splitlines()[-1]


def test_a_pull_request_is_asked_for(origin, tmp_path, proved, monkeypatch):
    """By gh, with the text that the commit has; the branch is pushed before."""
    gh = tmp_path / "bin/gh"
    gh.parent.mkdir()
    gh.write_text('#!/bin/sh\n[ "$1" = auth ] || echo "$@" >> "$0.called"\n')
    gh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{gh.parent}:{os.environ['PATH']}")
    options = {"repository": origin, "branch": "b", "pull_request": True, "text": Artefact(tmp_path / "text.md")}
    steps.promote(*proved, **options)
    assert "b" in asked(origin, "branch", "--format=%(refname:short)").split()
    called = (tmp_path / "bin/gh.called").read_text()
    assert "pr create --base main --head b --title Add fashion-mnist version 2" in called


def test_an_evaluation_is_what_training_found_on_validation(tmp_path):
    """Figures and confusion matrix of the split that chooses, and none of the test split."""
    figures = {
        "accuracy": {"value": 0.8, "low": 0.7, "high": 0.9, "n": 10},
        "log_loss": 0.5,
        "ece": 0.1,
        "per_class": {"a": {}, "b": {}},
        "confusion_matrix": [[4, 1], [1, 4]],
    }
    (tmp_path / "run.json").write_text(json.dumps({"temperature": 1.5, "metrics": {"validation": figures}}))
    metrics, confusion = Artefact(tmp_path / "m"), Artefact(tmp_path / "c")
    steps.evaluate(Artefact(tmp_path), metrics=metrics, confusion=confusion)
    assert {"accuracy": 0.8, "log_loss": 0.5, "pictures": 10, "temperature": 1.5}.items() <= metrics.metadata.items()
    assert (["a", "b"], [[4, 1], [1, 4]]) == confusion.metadata["confusion"]
