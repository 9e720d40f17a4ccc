"""Thread pools are sized by what the process may use."""

import os

import pytest

from model_server.processors import count_processors


@pytest.mark.parametrize(
    ("text", "expected"), [("50000 100000\n", 1), ("150000 100000\n", 2), ("max 100000\n", 8), ("?", 8), (None, 8)]
)
def test_limit_of_the_container(tmp_path, monkeypatch, text, expected):
    """A quota counts, rounded up; without one the affinity does."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    if text is not None:
        (tmp_path / "cpu.max").write_text(text)
    assert expected == count_processors(tmp_path / "cpu.max")


def test_affinity(tmp_path, monkeypatch):
    """A process that is bound to one processor has one, whatever its quota."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3}, raising=False)
    (tmp_path / "cpu.max").write_text("400000 100000")
    assert 1 == count_processors(tmp_path / "cpu.max")
