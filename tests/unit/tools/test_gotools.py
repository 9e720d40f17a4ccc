"""The Go programs of tools/go.mod."""

import subprocess

import pytest

from tools.gotools import GO_MOD, VERSION_ARGUMENT, main, packages, tool


def test_every_tool_says_its_version_somehow():
    """The tool lines of go.mod and the table of how they say their version have the same names."""
    assert set(VERSION_ARGUMENT) == set(packages())


@pytest.fixture
def on_path(tmp_path, monkeypatch):
    """Put a program of a name on an empty PATH; a build gives `built`."""

    def put(name, says):
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\necho '{says}'\n")
        path.chmod(0o755)
        return path

    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("tools.gotools.build", lambda package, version, go_mod: ("built", package, version, go_mod))
    return put


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("kubeconform", "v0.8.0"),
        ("kube-score", "kube-score version: 1.20.0, commit: abc, built: today"),
        ("actionlint", "1.7.12"),
        ("kind", "kind v0.33.0 go1.26.8 linux/amd64"),
    ],
)
def test_the_one_on_path_is_taken(on_path, name, says):
    """A program on PATH that says the pinned version is used as it is."""
    assert on_path(name, says) == tool(name)


@pytest.mark.parametrize("says", ["development", "v0.8.10", "v10.8.0", "v0.8.0-rc.1", "v0.7.0", ""])
def test_another_one_is_not(on_path, says):
    """What says another version, or none, is passed by: the pinned one is built with go.mod."""
    on_path("kubeconform", says)
    assert ("built", "github.com/yannh/kubeconform/cmd/kubeconform", "v0.8.0", GO_MOD) == tool("kubeconform")


def test_the_command_prints_a_program_that_runs(capsys):
    """`python -m tools.gotools kubeconform` prints a path, and what is there answers."""
    assert 0 == main(["kubeconform"])
    path = capsys.readouterr().out.strip()
    assert 0 == subprocess.run([path, "-h"], capture_output=True, check=False).returncode
