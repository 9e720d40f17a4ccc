"""What people type is understood, and what they mistype is told in one sentence before anything is trained."""

import shlex
import subprocess

import pytest

from tests.pipeline.conftest import ROOT
from training.pipeline.__main__ import _parameters, _parser

CALLS = {
    "pipeline": {
        "DATA": "d", "CONFIG": "clothing", "CANDIDATES": "own backbone=small-cnn,weights=none", "EPOCHS": "3",
        "DROP": "auto", "METRIC": "accuracy", "AGAINST": "none", "JUDGE": "j", "MARGIN": "0.01", "BRANCH": "b",
        "REPOSITORY": "r", "PULL_REQUEST": "1",
    },
    "submit": {
        "HOST": "http://h", "IMAGE": "i", "REPOSITORY": "https://r", "PIPELINE_ROOT": "s3://b/f", "NAMESPACE": "n",
        "EXPERIMENT": "e", "SERVICE_ACCOUNT": "s", "TOKEN_FILE": "t", "WAIT": "5", "NO_CACHE": "1",
    },
    "compile": {},
}  # fmt: skip


def typed(target, variables):
    """What `make TARGET` would run, as the command's parser reads it."""
    words = ["make", "-n", "--no-print-directory", target, *(f"{name}={value}" for name, value in variables.items())]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    (line,) = [one for one in done.stdout.replace("\\\n", " ").splitlines() if "-m training.pipeline " in one]
    return _parser().parse_args(shlex.split(line.split("-m training.pipeline ")[1]))


@pytest.mark.parametrize("target", CALLS)
def test_every_variable_reaches_the_command(target):
    """A variable that the Makefile explains is an option that the command knows, with its value."""
    given = [value for value in vars(typed(target, CALLS[target])).values() if value]
    flat = {str(part) for value in given for part in (value if isinstance(value, list) else [value])}
    wanted = {part for value in CALLS[target].values() for part in value.split()} - {"1"}
    assert wanted <= flat


@pytest.mark.parametrize("target", ["pipeline", "submit"])
def test_every_variable_is_explained(target):
    """What the target's line of help names is what it takes."""
    text = next(line for line in (ROOT / "Makefile").read_text().splitlines() if line.startswith(f"{target}:"))
    assert [] == [name for name in CALLS[target] if f"{name}=" not in text]


def test_a_number_is_a_version_of_the_model():
    """AGAINST=1 is a folder of the experiment's model; a path stays one."""
    assert "apps/model-server/models/fashion-mnist/1" == typed("pipeline", {"AGAINST": "1"}).against
    assert "/models/x/2" == typed("pipeline", {"AGAINST": "/models/x/2"}).against


def test_epochs_are_those_of_candidates_that_do_not_say():
    """EPOCHS is added to a candidate, takes the place of `own`, and leaves one that says its own."""
    given = typed("pipeline", {"CANDIDATES": "own learning-rate=1e-3 epochs=9", "EPOCHS": "3"})
    assert ["epochs=3", "learning-rate=1e-3,epochs=3", "epochs=9"] == _parameters(given)["candidates"]


def test_the_smoke_run_needs_nothing():
    """Three candidates on pictures that are drawn."""
    given = typed("pipeline", {"SMOKE": "1"})
    assert ("drawn", 3, "") == (given.config, len(given.candidates), given.data)


MISTAKES = {
    "config": ({"config": "no-such"}, "own", "training bring: There is no experiment 'no-such'"),
    "data": ({"data": "/no/such"}, "own", "training bring: --data /no/such"),
    "candidate": ({}, "learning-rate=fast", "training candidates: learning-rate=fast: that is no float."),
    "branch": ({"branch": "main"}, "own", "refused: there is a branch main already"),
}


@pytest.fixture(scope="module")
def mistaken(repository):
    """A run for each mistake, all at once."""
    started = {
        name: repository.start(f"mistake-{name}", candidate, **options)
        for name, (options, candidate, _) in MISTAKES.items()
    }
    return {name: one.end() for name, one in started.items()}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_at_once(mistaken, mistake):
    """Status 3, the sentence first, no traceback, nothing trained."""
    status, out, err = mistaken[mistake]
    said = MISTAKES[mistake][2]
    assert (3, said) == (status, err[: len(said)])
    assert "Traceback" not in out + err
    assert "candidate" not in out
