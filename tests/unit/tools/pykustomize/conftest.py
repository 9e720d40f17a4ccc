import pytest

from pykustomize import Kustomize


@pytest.fixture(scope="session")
def kustomize():
    """The real program, as this repository pins it."""
    return Kustomize.find()


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Put programs on an otherwise empty PATH: `stand_in(kustomize="echo v5.8.1")` gives the folder."""
    folder = tmp_path / "path"
    folder.mkdir()
    for name in ("KUSTOMIZE", "GOROOT", "GOFLAGS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def put(**programs):
        for name, lines in programs.items():
            path = folder / name
            path.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{lines}\n")
            path.chmod(0o755)
        return folder

    return put
