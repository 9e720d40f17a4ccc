"""Workflows call make and nothing that could change under them; each rule is proved by a mistake that breaks it."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
READERS = "".join((ROOT / name).read_text() for name in ("Makefile", "tools/publish/login"))
FILES = sorted((ROOT / ".github").rglob("*.yaml"))
WORKFLOWS = [path for path in FILES if path.parent.name == "workflows"]
# The job that branch protection waits for calls nothing: it looks at how the others ended.
GATE = "ci"
# What a job may do besides reading. Anything else is to be added here by somebody who thought about it.
MAY = {
    ("images", "build"): {"contents": "read", "packages": "write", "id-token": "write"},
    ("images", "attest"): {"contents": "read", "packages": "write", "id-token": "write"},
    ("images", "promote"): {"contents": "write", "pull-requests": "write", "actions": "read"},
    ("promote", "promote"): {"contents": "write", "pull-requests": "write", "actions": "read"},
    ("release", "release"): {"contents": "write"},
}


def load(text):
    return yaml.load(text, yaml.BaseLoader)  # `on` stays a word


def jobs(read):
    """The jobs that have steps; others call a workflow, whose own jobs are judged."""
    return {name: job for name, job in read.get("jobs", {}).items() if "uses" not in job}


def steps(read):
    of_jobs = [step for name, job in jobs(read).items() if name != GATE for step in job["steps"]]
    return of_jobs + read.get("runs", {}).get("steps", [])


def what_a_step_runs(read, text):
    """What a step runs is one `make` of targets that the Makefile has, without an expression in it."""
    for step in steps(read):
        if "run" not in step:
            continue
        program, *arguments = shlex.split(step["run"])
        if program != "make" or re.search(r"[;&|$`\n]", step["run"]):
            yield f"{step['run']} is more than a make"
            continue
        done = subprocess.run(["make", "-n", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode or not arguments:
            yield f"{step['run']}: {done.stderr}"


def pins(read, text):
    """Every action is of this repository or pinned by its full commit, with the version behind it."""
    used = re.findall(r"uses: (\S+)(?:  # (v\d+\.\d+\.\d+))?$", text, re.MULTILINE)
    if len(used) != text.count("uses:"):
        yield "an action without a version"
    for action, version in used:
        if not action.startswith("./") and not (re.fullmatch(r"[\w-]+/[\w/-]+@[0-9a-f]{40}", action) and version):
            yield f"{action} is not pinned"


def permissions(read, text):
    """A workflow may only read; a job that may more is in the table above; only the run's own token is used."""
    if "jobs" in read and read.get("permissions") != {"contents": "read"}:
        yield "the workflow may more than read"
    for name, job in read.get("jobs", {}).items():
        if job.get("permissions") != MAY.get((read["name"], name)):
            yield f"{name} may {job.get('permissions')}"
    if re.search(r"\bsecrets\b", text):
        yield "a secret is used"


def credentials(read, text):
    """Checkout leaves no token behind for later steps."""
    for step in steps(read):
        if (
            step.get("uses", "").startswith("actions/checkout@")
            and step.get("with", {}).get("persist-credentials") != "false"
        ):
            yield "checkout leaves its token"


def ends(read, text):
    """Each job has a time limit; a second run of the same waits or ends the first."""
    if "jobs" in read and set(read.get("concurrency", {})) != {"group", "cancel-in-progress"}:
        yield "no concurrency"
    for name, job in jobs(read).items():
        if not 0 < int(job.get("timeout-minutes", "0")) <= 360:
            yield f"{name} has no time limit"


def machines(read, text):
    """A job runs on a named release of a system, which does not change by itself."""
    for name, job in jobs(read).items():
        wanted = job["runs-on"]
        chosen = job["strategy"]["matrix"]["runner"] if wanted == "${{ matrix.runner }}" else [wanted]
        if not all(re.fullmatch(r"ubuntu-\d\d\.04(-arm)?", one) for one in chosen):
            yield f"{name} runs on {chosen}"


def names(read, text):
    """A workflow is called as its file; a job's name, which the checks of a pull request show, begins with its key."""
    for name, job in jobs(read).items():
        if job.get("name", "").split(" (")[0] != name:
            yield f"{name} is called {job.get('name')}"


def triggers(read, text):
    """Nothing that a stranger's pull request starts has a right to write; filters name paths that exist."""
    for event, given in (read.get("on") or {}).items() if isinstance(read.get("on"), dict) else []:
        if event not in {"push", "pull_request", "schedule", "workflow_call", "workflow_dispatch"}:
            yield f"started by {event}"
        for pattern in given.get("paths", []) if isinstance(given, dict) else []:
            if not any(ROOT.glob(pattern.removesuffix("/**"))):
                yield f"{pattern} matches nothing"


def settings(read, text):
    """What a workflow gives to a step by the environment is read by something: a misspelt name would be nothing."""
    given = {key for one in [read, *jobs(read).values(), *steps(read)] for key in one.get("env", {})}
    for name in given - {"GH_TOKEN", "RESULTS"}:
        if not name.startswith("GIT_") and not re.search(rf"\b{name}\b", READERS):
            yield f"nothing reads {name}"


def artefacts(read, text):
    """An upload that finds nothing is an error."""
    for step in steps(read):
        if (
            step.get("uses", "").startswith("actions/upload-artifact@")
            and step["with"].get("if-no-files-found") != "error"
        ):
            yield "an upload may be empty"


def thin(read, text):
    """A workflow stays under 80 lines: what it does is in the Makefile."""
    if len(text.splitlines()) >= 80:
        yield "80 lines or more"


RULES = [what_a_step_runs, pins, permissions, credentials, ends, machines, names, triggers, settings, artefacts, thin]
# Mistake: rule, file, what is there, what somebody makes of it.
MISTAKES = {
    "target-that-is-not-there": (what_a_step_runs, "ci", "make lint", "make lin"),
    "shell-in-a-step": (what_a_step_runs, "ci", "make lint", "make lint || true"),
    "expression-in-a-step": (what_a_step_runs, "release", "DRY_RUN=1", "TAG=${{ github.ref_name }}"),
    "another-program": (what_a_step_runs, "training", "make test-backbones", "python -m pytest"),
    "no-target": (what_a_step_runs, "ci", "make lint", "make"),
    "pin-by-tag": (pins, "ci", "@9c091bb21b7c1c1d1991bb908d89e4e9dddfe3e0  # v7.0.0", "@v7"),
    "pin-without-version": (pins, "images", "  # v8.0.1", ""),
    "workflow-may-write": (permissions, "training", "contents: read", "contents: write"),
    "workflow-may-all": (permissions, "training", "permissions:\n  contents: read\n", ""),
    "job-may-more": (permissions, "images", "packages: write", "contents: write"),
    "secret": (permissions, "release", "github.token", "secrets.TOKEN"),
    "token-left-behind": (credentials, "ci", "persist-credentials: false", "fetch-tags: true"),
    "no-time-limit": (ends, "training", "    timeout-minutes: 30\n", ""),
    "no-concurrency": (ends, "release", "concurrency:", "env:"),
    "newest-machine": (machines, "ci", "ubuntu-24.04", "ubuntu-latest"),
    "newest-machine-in-matrix": (machines, "images", "[ubuntu-24.04,", "[ubuntu-latest,"),
    "name-of-its-own": (names, "training", "name: backbones", "name: All backbones"),
    "pull-request-target": (triggers, "training", "pull_request:", "pull_request_target:"),
    "path-that-moved": (triggers, "training", "training/**", "trainings/**"),
    "misspelt-setting": (settings, "promote", "VERIFIED_BY:", "VERIFIEDBY:"),
    "upload-of-nothing": (artefacts, "images", "if-no-files-found: error", "if-no-files-found: warn"),
    "long": (thin, "ci", "on:\n", "on:\n" + "\n" * 30),
}  # fmt: skip


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name + "-" + path.stem)
def test_a_rule_holds(path, rule):
    """The rule's own docstring says what holds."""
    assert [] == list(rule(load(path.read_text()), path.read_text()))


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_rule_can_fail(mistake):
    """A workflow with one mistake breaks the rule about it."""
    rule, name, right, wrong = MISTAKES[mistake]
    text = (ROOT / f".github/workflows/{name}.yaml").read_text()
    assert right in text
    changed = text.replace(right, wrong)
    assert [] != list(rule(load(changed), changed))


def test_every_rule_can_fail():
    """There is a mistake for each rule, and each permission in the table is of a job that is there."""
    assert set(RULES) == {rule for rule, *_ in MISTAKES.values()}
    jobs = {(path.stem, name) for path in WORKFLOWS for name in load(path.read_text())["jobs"]}
    assert set(MAY) <= jobs


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_is_called_as_its_file(path):
    """People find the file of a red check by its name."""
    assert path.stem == load(path.read_text())["name"]


def test_an_action_has_one_pin():
    """Workflows do not use different commits of one action."""
    used = {pin for path in FILES for pin in re.findall(r"uses: (\S+@\S+)", path.read_text())}
    assert len(used) == len({pin.split("@")[0] for pin in used})


def test_branch_protection_has_one_name():
    """The job `ci` waits for lint and tests, runs even when they fail, and is green only when all are."""
    gate = load((ROOT / ".github/workflows/ci.yaml").read_text())["jobs"][GATE]
    assert "always()" == gate["if"]
    assert {"lint", "test"} <= set(gate["needs"])
    (step,) = gate["steps"]
    for results, status in [(["success"] * len(gate["needs"]), 0), (["success", "skipped"], 1), (["failure"] * 2, 1)]:
        done = subprocess.run(["bash", "-c", step["run"]], env={"RESULTS": " ".join(results)}, check=False)
        assert status == done.returncode
    assert [f"needs.{name}.result" for name in gate["needs"]] == re.findall(
        r"needs\.\w+\.result", step["env"]["RESULTS"]
    )


def test_training_tries_every_champion():
    """The smoke of training has every model that comes with the repository; the full run's data needs no account."""
    jobs = load((ROOT / ".github/workflows/training.yaml").read_text())["jobs"]
    models = {path.name for path in (ROOT / "apps/model-server/models").iterdir() if path.is_dir()}
    assert models == set(jobs["smoke"]["strategy"]["matrix"]["config"])
    assert [] == [step["run"] for step in jobs["full"]["steps"] if "DATA=pizza" in step.get("run", "")]


# What GitHub would put into the expressions of the workflows that are run below.
EXPRESSIONS = {
    "vars.REGISTRY": "registry.example.org/image-classifiers",
    "vars.AWS_ROLE_ARN": "",
    "github.sha": "c" * 40,
    "github.actor": "somebody",
    "github.token": "secret",
    "github.ref_name": "v1.2.0",
}
OF_A_RUN = {
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "owner/name",
    "GITHUB_REPOSITORY_ID": "1",
    "GITHUB_REPOSITORY_OWNER_ID": "2",
    "GITHUB_WORKFLOW_REF": "owner/name/.github/workflows/images.yaml@refs/heads/main",
    "GITHUB_EVENT_NAME": "push",
    "GITHUB_REF": "refs/heads/main",
    "GITHUB_SHA": "c" * 40,
    "GITHUB_RUN_ID": "7",
    "GITHUB_RUN_ATTEMPT": "1",
    "RUNNER_ENVIRONMENT": "github-hosted",
    "ACTIONS_ID_TOKEN_REQUEST_URL": "https://token.actions.example.org",
}
DIGEST = "sha256:" + "d" * 64
STAND_INS = {
    "docker": f"""
        case "$1 $2" in
          "version --format") echo amd64 ;;
          "image ls") echo gateway:$TAG 1MB ;;
          "push "*|"manifest push") echo "digest: {DIGEST} size: 1" ;;
        esac""",
    "cosign": "",
    "syft": "",
    "gh": "",
}


class Runner:
    """A copy of what the workflows need, in which the steps of a job run with programs that only take notes."""

    def __init__(self, folder):
        self.tree, self.notes, programs = folder / "tree", folder / "notes", folder / "bin"
        shutil.copytree(ROOT / "tools/publish", self.tree / "tools/publish")
        for name in ("Makefile", "CHANGELOG.md", "tools/images", "tools/__init__.py"):
            shutil.copy(ROOT / name, self.tree / name)
        programs.mkdir()
        for name, script in STAND_INS.items():
            (programs / name).write_text(f'#!/usr/bin/env bash\necho "{name} $*" >>"{self.notes}"\n{script}\n')
            (programs / name).chmod(0o755)
        # Where tools/publish/program keeps what it builds.
        (self.tree / "tools/publish/program").write_text(f"#!/bin/sh\necho {programs}/$1\n")
        self.environment = {**OF_A_RUN, "PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(self.tree)}

    def job(self, name, job):
        """Run the steps of a job in their order; gives the lines of the stand-ins' notes."""
        read = load((ROOT / f".github/workflows/{name}.yaml").read_text())
        for step in read["jobs"][job]["steps"]:
            if "run" in step:
                self.step(
                    {**read.get("env", {}), **read["jobs"][job].get("env", {}), **step.get("env", {})}, step["run"]
                )
        return self.notes.read_text().splitlines()

    def step(self, given, command):
        filled = {
            key: re.sub(r"\$\{\{ (.+?) \}\}", lambda one: EXPRESSIONS[one[1]], text) for key, text in given.items()
        }
        # The environment that is there takes the place of .venv/run.
        words = [*shlex.split(command), f"RUN={sys.executable}", "--old-file=.venv/run/.installed"]
        done = subprocess.run(
            words, cwd=self.tree, env={**self.environment, **filled}, capture_output=True, text=True, check=False
        )
        assert 0 == done.returncode, f"{command}: {done.stdout}{done.stderr}"


@pytest.fixture
def runner(tmp_path):
    return Runner(tmp_path)


def test_images_run_from_log_in_to_attestation(runner):
    """The steps of images.yaml, as they stand there, push what they built by commit and sign what was pushed."""
    called = runner.job("images", "build")
    assert "docker login --username somebody --password-stdin registry.example.org" in called
    image = f"registry.example.org/image-classifiers/gateway:{'c' * 40}"
    assert f"docker push {image}-amd64" in called
    called = runner.job("images", "attest")
    assert any(call.startswith(f"docker manifest create {image} ") for call in called)
    assert any(call.startswith("cosign sign ") and DIGEST in call for call in called)
    assert any(call.startswith("syft scan ") for call in called)
    last = called[-1]
    assert last.startswith("cosign verify-attestation --certificate-oidc-issuer ")
    assert (runner.tree / "build/digests.json").exists()


def test_a_release_runs(runner):
    """The steps of release.yaml, as they stand there, make a release of the tag that was pushed."""
    (runner.tree / "CHANGELOG.md").write_text("## [1.2.0] - 2026-11-21\n- something\n")
    release = "overlays/prod/release/kustomization.yaml"
    (runner.tree / release).parent.mkdir(parents=True)
    (runner.tree / release).write_text(re.sub("0{64}", "d" * 64, (ROOT / release).read_text()))
    (call,) = runner.job("release", "release")
    assert call.startswith("gh release create v1.2.0 --verify-tag ")
