"""The Makefile's targets call programs with arguments that these take."""

import argparse
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tools.models import versions
from training.commands import commands

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()
# Verbs that are steps of others, such as of `make pipeline`: no target.
WITHOUT_TARGET = {"bring", "candidate", "candidates", "check", "choose", "gate"}
CALLS = {
    "fetch": ["DATA=clothing"],
    "audit": ["DATA=d", "DROP=auto"],
    "explore": ["DATA=d", "OUT=page.html"],
    "new": ["NAME=shoes", "DATA=d", "QUICK=1", "BACKBONE=small-cnn", "SIZE=28", "DROP=auto"],
    "train": ["DATA=d", "CONFIG=clothing", "DROP=auto", "MLFLOW=sqlite:///m.db"],
    "train SMOKE": ["SMOKE=1", "BACKBONE=small-cnn"],
    "crossvalidate": ["DATA=d", "FOLDS=3"],
    "ablate": ["DATA=d", "FOLDS=3", "ONLY=teacher"],
    "tune": ["DATA=d", "TRIALS=5", "SPACE=size,dropout", "FAST=1"],
    "export": ["RUN_DIR=runs/pizza"],
    "import": ["FILE=m.keras", "NAME=shoes", "DATA=d", "SCALING=symmetric", "LABELS=a,b", "VERSION=2"],
    "show": ["MODEL=pizza", "VERSION=1"],
    "evaluate": ["DATA=d", "SPLIT=all"],
    "report": ["DATA=d", "OUT=page.html"],
    "compare": ["A=1", "B=/models/pizza/2", "DATA=d"],
}


def dry_run(target, *variables):
    return subprocess.run(
        ["make", "-n", "--no-print-directory", target, *variables], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.replace("\\\n", " ")


@pytest.mark.parametrize("call", CALLS)
def test_a_target_calls_its_verb_with_arguments_that_it_takes(call):
    """What `make TARGET` would run is a verb of training with options that its parser knows."""
    lines = dry_run(call.split()[0], *CALLS[call]).splitlines()
    (line,) = [line for line in lines if "-m training " in line]
    verb, *arguments = shlex.split(line.split("-m training ")[1])
    parser = argparse.ArgumentParser(exit_on_error=False)
    commands()[verb].add_arguments(parser)
    values = vars(parser.parse_args(arguments))
    given = {str(value).split("/")[-1] for variable in CALLS[call] for value in [variable.partition("=")[2]]} - {"1"}
    assert given <= {str(value).split("/")[-1] for value in values.values()}


def test_every_verb_has_a_target():
    """What people call in training can be called by make."""
    targets = set(re.findall(r"-m training ([a-z]+)", MAKEFILE))
    assert set(commands()) - WITHOUT_TARGET == targets
    assert set(commands()) >= WITHOUT_TARGET


def test_every_target_is_phony_and_explained():
    """`make` prints every target with a sentence, and a file of its name does not hide it."""
    targets = re.findall(r"^([a-z-]+):(.*)$", MAKEFILE, re.MULTILINE)
    assert [] == [name for name, rest in targets if "## " not in rest]
    assert {name for name, _ in targets} == set(re.findall(r"^\.PHONY: ([a-z-]+)$", MAKEFILE, re.MULTILINE))


def test_the_newest_version_is_evaluated():
    """Without VERSION= the newest version is meant, by number and not by spelling."""
    newest = versions("pizza")[-1]
    assert f"--model apps/model-server/models/pizza/{newest} " in dry_run("evaluate", "DATA=d")
    assert "--model apps/model-server/models/pizza/1 " in dry_run("evaluate", "DATA=d", "VERSION=1")


@pytest.mark.parametrize("target", ["train", "new", "compare", "import", "fetch"])
def test_a_missing_variable_is_asked_for(target):
    """A target without what it needs prints a line that shows how to call it."""
    first = dry_run(target).splitlines()
    assert any(re.search(rf"error: name .*: make {target} [A-Z]+=", line) for line in first)
