"""Programs that stand in for docker, gh and others: each notes what it was called with and answers as told."""

import os

import pytest

GATEWAY, SERVER = "sha256:" + "a" * 64, "sha256:" + "b" * 64


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Put a program on PATH that notes its arguments, a line a call, and runs a piece of bash; gives the notes."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def make(name, script="", at=folder):
        at.mkdir(parents=True, exist_ok=True)
        notes, program = tmp_path / f"{name}.notes", at / name
        notes.touch()
        program.write_text(f'#!/usr/bin/env bash\necho "$*" >>"{notes}"\n{script}\n')
        program.chmod(0o755)
        return lambda: notes.read_text().splitlines()

    return make


@pytest.fixture
def pushed(tmp_path):
    """A tree in which images of two architectures were pushed and joined."""
    (tmp_path / "build/digests").mkdir(parents=True)
    for name in ("digests/amd64", "digests/arm64", "digests"):
        (tmp_path / f"build/{name}.json").write_text(f'{{"gateway": "{GATEWAY}", "model-server": "{SERVER}"}}')
    return tmp_path
