"""The pipeline itself, on drawings, as `make pipeline SMOKE=1` runs it: killed, resumed, worse, skewed."""

import json
import os
import time

import pytest

from tests.pipeline.conftest import MODELS, PATIENCE_S, PYTHON, ROOT

GOOD, WORSE = "learning-rate=3e-3,epochs=2", "learning-rate=1e-6,epochs=1"
BRANCH = "model/drawn-1"


def runs(repository):
    """The candidates that were trained to the end: key -> what is known of them."""
    found = (repository.folder / "runs/candidates").glob("*/candidate.json")
    return {path.parent.name: (path.stat().st_mtime_ns, json.loads(path.read_text())["candidate"]) for path in found}


@pytest.fixture(scope="module")
def killed(repository):
    """A run of two candidates that was killed, with all that it had started, once the first of them was trained."""
    started = repository.start("first", GOOD, WORSE)
    deadline = time.monotonic() + PATIENCE_S
    while not runs(repository):
        assert started.process.poll() is None, started.end()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    started.kill()
    assert ["main"] == repository.branches()
    return runs(repository)


@pytest.fixture(scope="module")
def ended(repository, killed):
    """The same run, started again; and beside it one whose export scales its pixels wrongly."""
    skewed = ROOT / "tests/pipeline/skewed_python"
    os.environ["UNSKEWED_PYTHON"] = PYTHON
    others = repository.start("skewed", GOOD, python=skewed, branch="model/skewed", against="none")
    again = repository.start("first", GOOD, WORSE)
    return {"again": (again, again.end()), "skewed": (others, others.end())}


def test_a_run_ends_in_a_commit(repository, ended):
    """A branch with one commit on top of main, that adds the version and its entry in the list, and nothing else."""
    _, (status, out, err) = ended["again"]
    assert 0 == status, out + err
    assert "main" == repository.git("rev-parse", "--abbrev-ref", "HEAD")
    assert "" == repository.git("status", "--porcelain")
    assert repository.git("rev-parse", "main") == repository.git("rev-parse", f"{BRANCH}^")
    changed = repository.git("diff", "--name-only", "main", BRANCH).split()
    assert f"{MODELS}/drawn/1/card.json" in changed
    assert {MODELS + ".config", MODELS + "/drawn/1"} == {
        path if path.endswith(".config") else "/".join(path.split("/")[:5]) for path in changed
    }
    message = repository.git("log", "-1", "--format=%B", BRANCH)
    assert f"Chosen by log-loss: {GOOD}" in message
    assert "Goldens: both engines answer" in message


def test_a_resumed_run_does_not_train_again(repository, killed, ended):
    """What was trained before the kill is as it was, to the file's time; the better of both is what was committed."""
    _, (_, out, _) = ended["again"]
    assert killed
    assert killed.items() <= runs(repository).items()
    assert {GOOD, WORSE} == {text for _, text in runs(repository).values()}
    assert all(f"candidate {text}: was trained before and is used again" in out for _, text in killed.values())
    (key,) = [key for key, (_, text) in runs(repository).items() if text == GOOD]
    record = json.loads((repository.folder / "runs/candidates" / key / "run.json").read_text())
    card = json.loads(repository.git("show", f"{BRANCH}:{MODELS}/drawn/1/card.json"))
    assert record["estimate"]["accuracy"] == card["metrics"]["accuracy"]
    assert record["content_sha256"] == card["data"]["content_sha256"]


def test_every_step_leaves_its_artefacts(ended):
    """Pages, tables and figures lie where Kubeflow would show them, with what they were made of."""
    started, _ = ended["again"]

    def said(step):
        return json.loads((started.artefacts(step)[-1] / "executor_output.json").read_text())["artifacts"]

    def metadata(step, name):
        return said(step)[name]["artifacts"][0]["metadata"]

    for step, name in (("check", "report"), ("gates", "report"), ("report", "page")):
        assert (started.artefacts(step)[-1] / name).read_text().lstrip().startswith("<")
    assert 300 == metadata("check", "metrics")["files"]
    assert 64 == len(metadata("check", "audit")["content_sha256"])
    assert metadata("train", "run")["candidate"] in (GOOD, WORSE)
    assert GOOD == metadata("export", "model")["candidate"]
    assert 1 == metadata("export", "model")["version"]
    assert 1.0 == metadata("gates", "metrics")["accuracy"]
    assert 5 == len(metadata("report", "curves")["confusionMatrix"]["rows"])
    assert 3 <= len(metadata("report", "curves")["confidenceMetrics"])
    assert "confusionMatrix" in metadata("evaluate", "confusion")


def test_a_skewed_export_is_refused(repository, ended):
    """A graph that scales otherwise than training did ends the run with the reason, status 3, and no branch."""
    started, (status, out, err) = ended["skewed"]
    assert 3 == status, out + err
    assert "from training code on the golden pictures" in err
    assert "Look at scaling" in err
    assert "model/skewed" not in repository.branches()
    assert [] == started.artefacts("gates")


def test_a_worse_candidate_is_refused(repository, ended):
    """A version that does not beat the one that is there ends the run with what was measured, and no branch."""
    repository.git("merge", "--quiet", "--ff-only", BRANCH)
    status, out, err = repository.start("worse", WORSE).end()
    repository.git("branch", "--delete", "--quiet", BRANCH)
    assert 3 == status, out + err
    assert "drawn 2 is not shown to be better than drawn 1" in err
    assert "A beats B" in err
    assert ["main"] == repository.branches()
