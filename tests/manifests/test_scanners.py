"""Scanners turn red on what each is for, and on their own failure; a waiver has a reason and something to waive."""

import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tools.manifests.model import Finding, Rendering
from tools.manifests.rendering import Combination
from tools.scan import programs
from tools.scan.__main__ import scan
from tools.scan.scanners import SCANNERS
from tools.scan.sources import Sources, largest, lay_out
from tools.scan.waivers import Waiver, apply, load

ROOT = Path(__file__).parents[2]
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {
        "name": "bad",
        "namespace": "here",
        "annotations": {
            "kube-score/ignore": "container-security-context-privileged",
            "checkov.io/skip1": "CKV_K8S_16=because",
        },
    },
    "spec": {"containers": [{"name": "bad", "image": "bad:latest", "securityContext": {"privileged": True}}]},
}
DOCKERFILE = "# hadolint ignore=DL3006\nFROM python\nRUN cd /tmp && ls\n"
WORKFLOW = """\
on: pull_request_target
permissions: write-all
jobs:
  bad:
    runs-on: no-such-machine
    steps:
      - uses: actions/checkout@v4  # zizmor: ignore[unpinned-uses]
      - run: echo ${{ github.event.pull_request.title }}
"""
YAML = "name: one\nname: two\n"
SCRIPT = "#!/usr/bin/env bash\nrm -rf $1/*\n"
RED = {
    "checkov": {"checkov CKV_K8S_16", "checkov CKV_DOCKER_7", "checkov CKV_GHA_2"},
    "kube-score": {"kube-score container-security-context-privileged", "kube-score container-image-tag"},
    "hadolint": {"hadolint DL3006", "hadolint DL3003"},
    "zizmor": {"zizmor unpinned-uses", "zizmor template-injection", "zizmor excessive-permissions"},
    "actionlint": {"actionlint expression", "actionlint runner-label"},
    "yamllint": {"yamllint key-duplicates"},
    "shellcheck": {"shellcheck SC2086"},
}


def sources(folder, *, workflow=WORKFLOW):
    """Lay out a bad input for every scanner."""
    tree = folder / "tree"
    files = {
        "Dockerfile": DOCKERFILE,
        ".github/workflows/bad.yaml": workflow,
        "bad.yaml": YAML,
        "bad": SCRIPT,
    }
    for name, text in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
    (folder / "work").mkdir()
    made = Sources(
        tree,
        folder / "work",
        (Rendering("prod", (POD,)),),
        dockerfiles=(Path("Dockerfile"),),
        workflows=(Path(".github/workflows/bad.yaml"),),
        yaml_files=(Path("bad.yaml"),),
        scripts=(Path("bad"),),
    )
    lay_out(made)
    return made


def programs_that(script, folder, monkeypatch):
    """Put a shell script in the place of every scanner."""
    (folder / "bin").mkdir(parents=True)
    for name in SCANNERS:
        path = folder / "bin" / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(programs, "ENVIRONMENT", folder)
    monkeypatch.setattr(programs, "BUILT", ())


@pytest.mark.parametrize("name", SCANNERS)
def test_a_bad_input_is_red(tmp_path, name):
    """Each scanner finds what is bad of its own kind, and no comment or annotation in the file talks it out of it."""
    found = scan(sources(tmp_path), (), {name: SCANNERS[name]})
    assert set() == RED[name] - {finding.rule for finding in found}


def test_every_scanner_has_a_bad_input():
    """No scanner is without a proof that it can turn red."""
    assert set(SCANNERS) == set(RED)


@pytest.mark.parametrize("name", SCANNERS)
@pytest.mark.parametrize(
    ("script", "said"),
    [("echo oh dear >&2; exit 3", "oh dear"), ("exit 0", "nothing"), ("echo '[]'; kill -9 $$", "status -9")],
    ids=["crash", "silence", "kill"],
)
def test_a_scanner_that_fails_is_red(tmp_path, monkeypatch, name, script, said):
    """A scanner that crashes, is killed or prints nothing is a finding, not a pass."""
    made = sources(tmp_path)
    programs_that(script, tmp_path / "programs", monkeypatch)
    (finding,) = scan(made, (), {name: SCANNERS[name]})
    assert (name, "scanner") == (finding.subject, finding.rule)
    assert said in finding.message


@pytest.mark.parametrize("name", SCANNERS)
def test_a_scanner_that_is_missing_is_red(tmp_path, monkeypatch, name):
    """A scanner that is not installed is a finding that says how to install it."""
    monkeypatch.setattr(programs, "ENVIRONMENT", tmp_path / "nowhere")
    monkeypatch.setattr(programs, "BUILT", ())
    (finding,) = scan(sources(tmp_path), (), {name: SCANNERS[name]})
    assert f"{name} is not there" in finding.message or "shellcheck is not there" in finding.message


@pytest.mark.parametrize("name", SCANNERS)
def test_nothing_to_look_at_is_red(tmp_path, name):
    """A scanner that was given nothing does not pass."""
    (finding,) = scan(Sources(tmp_path, tmp_path), (), {name: SCANNERS[name]})
    assert "scanner" == finding.rule


def test_a_file_that_checkov_leaves_out_is_red(tmp_path):
    """Checkov skips in silence a workflow that its own schema does not know; that is noticed."""
    workflow = WORKFLOW + "concurrency:\n  group: a\n  cancel-in-progress: ${{ github.ref == 'a' }}\n"
    (finding,) = scan(sources(tmp_path, workflow=workflow), (), {"checkov": SCANNERS["checkov"]})
    assert "checkov did not look at github_actions" == finding.message


def test_a_waived_finding_is_left_out():
    """A waiver covers the rule, subjects and renderings that it names, no others."""
    waiver = Waiver("kube-score service-type", "Service/*", "kind has no load balancer", where="kind*")
    ports = Finding("Service/gateway", "NodePort", "kube-score service-type", "kind + gpu")
    others = [
        Finding("Service/gateway", "NodePort", "kube-score service-type", "prod"),
        Finding("Ingress/gateway", "NodePort", "kube-score service-type", "kind"),
        Finding("Service/gateway", "NodePort", "kube-score other", "kind"),
    ]
    assert others == apply([ports, *others], [waiver], ["kube-score"])


def test_a_stale_waiver_is_red():
    """A waiver that matches nothing any more is a finding, if its scanner did look."""
    waiver = Waiver("kube-score service-type", "Service/*", "kind has no load balancer")
    (finding,) = apply([], [waiver], ["kube-score"])
    assert "waiver" == finding.rule
    assert [] == apply([], [waiver], ["checkov"])


def test_a_waiver_without_a_reason_is_refused(tmp_path):
    """A waiver says why in a sentence."""
    (tmp_path / "waivers.toml").write_text('[[waiver]]\nrule = "checkov A"\nsubject = "*"\nreason = "noisy"\n')
    with pytest.raises(ValueError, match="gives no reason"):
        load(tmp_path / "waivers.toml")


def test_only_the_largest_combinations_are_scanned():
    """The overlays alone and the combinations that no other holds are enough."""
    a, b, c = Combination("kind"), Combination("kind", ("x",)), Combination("kind", ("x", "y"))
    d, e = Combination("prod"), Combination("prod", ("x",))
    assert [a, c, d, e] == largest([a, b, c, d, e])


def test_checkov_asks_nobody(tmp_path, monkeypatch):
    """Checkov opens no connection, which it would without its option; without network both look alike."""
    asked = tmp_path / "asked"
    (tmp_path / "sitecustomize.py").write_text(f"""\
import sys
def watch(event, arguments):
    if event in {{"socket.connect", "socket.getaddrinfo"}}:
        open({str(asked)!r}, "a").write(f"{{arguments}}\\n")
        raise OSError("no network in tests")
sys.addaudithook(watch)
""")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    made = sources(tmp_path)
    SCANNERS["checkov"](made)
    assert not asked.exists(), asked.read_text()
    programs.run("checkov", ["--directory", ".", "--framework", "dockerfile", "--output", "json"], made.folder)
    assert asked.exists()


def test_the_repository_is_clean_without_network():
    """All scanners find nothing that is not waived, in a network namespace from which nothing can be reached."""
    alone = ["unshare", "--map-root-user", "--net"]
    if shutil.which("unshare") is None or subprocess.run([*alone, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no network namespace can be had here")
    done = subprocess.run(
        [*alone, sys.executable, "-m", "tools.scan"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert 0 == done.returncode, done.stdout + done.stderr
    assert set(SCANNERS) == {line.split()[0] for line in done.stdout.splitlines()}
