"""Workflows call make and nothing that could change under them."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github").rglob("*.yaml"))
# The job that branch protection waits for calls nothing: it looks at how the others ended.
GATE = "ci"


def jobs(path):
    return yaml.safe_load(path.read_text()).get("jobs", {})


def steps(path):
    read = yaml.safe_load(path.read_text())
    of_jobs = [step for name, job in read.get("jobs", {}).items() if name != GATE for step in job["steps"]]
    return of_jobs + read.get("runs", {}).get("steps", [])


COMMANDS = [step["run"] for path in WORKFLOWS for step in steps(path) if "run" in step]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_step_calls_a_target(command):
    """What a step runs is one `make` of targets that the Makefile has."""
    program, *arguments = shlex.split(command)
    assert "make" == program
    done = subprocess.run(["make", "-n", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stderr


def test_a_target_that_is_not_there_is_told():
    """The check above can fail."""
    assert 0 != subprocess.run(["make", "-n", "no-such-target"], cwd=ROOT, capture_output=True, check=False).returncode
    assert {"make lint", "make test"} <= set(COMMANDS)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned(path):
    """Every action is of this repository or pinned by its full commit, with the version behind it; one commit each."""
    used = re.findall(r"uses: (\S+)(?:  # (v\d+\.\d+\.\d+))?$", path.read_text(), re.MULTILINE)
    assert len(used) == path.read_text().count("uses:")
    assert [] == [
        action for action, version in used
        if not action.startswith("./") and not (re.fullmatch(r"[\w-]+/[\w/-]+@[0-9a-f]{40}", action) and version)
    ]  # fmt: skip


def test_an_action_has_one_pin():
    """Workflows do not use different commits of one action."""
    pins = {pin for path in WORKFLOWS for pin in re.findall(r"uses: (\S+@\S+)", path.read_text())}
    assert len(pins) == len({pin.split("@")[0] for pin in pins})


@pytest.mark.parametrize("path", [path for path in WORKFLOWS if jobs(path)], ids=lambda path: path.name)
def test_a_workflow_may_little_and_ends(path):
    """A workflow may only read, unless a job says what it needs; each job has a time limit; an old run gives way."""
    read = yaml.safe_load(path.read_text())
    assert {"contents": "read"} == read["permissions"]
    assert "concurrency" in read
    assert [] == [name for name, job in read["jobs"].items() if "timeout-minutes" not in job]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_is_thin(path):
    """A workflow stays under 80 lines: what it does is in the Makefile."""
    assert 80 > len(path.read_text().splitlines())


def test_branch_protection_has_one_name():
    """The job `ci` waits for lint and tests, runs even when they fail, and is green only when all are."""
    gate = jobs(ROOT / ".github/workflows/ci.yaml")[GATE]
    assert "always()" == gate["if"]
    assert {"lint", "test"} <= set(gate["needs"])
    (step,) = gate["steps"]
    for results, status in [(["success"] * len(gate["needs"]), 0), (["success", "skipped"], 1), (["failure"] * 2, 1)]:
        done = subprocess.run(["bash", "-c", step["run"]], env={"RESULTS": " ".join(results)}, check=False)
        assert status == done.returncode
    assert [f"needs.{name}.result" for name in gate["needs"]] == re.findall(
        r"needs\.\w+\.result", step["env"]["RESULTS"]
    )
