"""A run that is spread over workers builds what files share once, leaves cores to each worker, and loses no figure."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.spread import APART, FIRST, TOGETHER, part_of, rank_of, share_cores

ROOT = Path(__file__).parents[2]
FILES = {str(path.relative_to(ROOT)): path.read_text() for path in sorted((ROOT / "tests").glob("**/test_*.py"))}
# Slow to make, and used in several files.
SHARED = {
    "tests/browser": ["chromium", "gateway_address", "open_page"],
    "tests/contract": ["server", "litert_server", "saved_model_server", "mis_scaled"],
    "tests": ["fourth_repository"],
}


@pytest.mark.parametrize(("folder", "fixture"), [(folder, name) for folder in SHARED for name in SHARED[folder]])
def test_what_is_slow_to_make_is_made_in_one_worker(folder, fixture):
    """All files that use the fixture are one part."""
    used = re.compile(rf"^def \w+\([^)]*\b{fixture}\b[^)]*\)|getfixturevalue\(.*{fixture}", re.MULTILINE)
    # A fixture of a file's own has precedence.
    own = re.compile(rf"^def {fixture}\(", re.MULTILINE)
    users = [
        name
        for name, text in FILES.items()
        if name.startswith(f"{folder}/") and used.search(text) and not own.search(text)
    ]
    assert users
    assert 1 == len({part_of(f"{name}::test_it") for name in users}), users


def test_every_name_leads_to_a_file():
    """A file that was renamed is not forgotten here."""
    for start in (*APART, *(start for starts in TOGETHER.values() for start in starts)):
        assert any(name.startswith(start) for name in FILES), start
    for start in FIRST:
        assert start in TOGETHER or any(name.startswith(start) for name in FILES), start


def test_tests_that_share_nothing_are_parts_of_their_own():
    """Elsewhere a file is one part, whatever is in a test's name."""
    one, other = (f"{APART[0]}::test_it[{name}]" for name in ("a::b", "c"))
    assert one == part_of(one) != part_of(other)
    assert "tests/unit/test_figures.py" == part_of("tests/unit/test_figures.py::test_it[a::b]")


def test_what_takes_long_is_begun_first():
    """A part that is named comes before those that are not, in the order of the names."""
    ranks = [rank_of(part_of(name)) for name in (APART[0], "tests/browser/test_card.py", "tests/unit/test_figures.py")]
    assert sorted(set(ranks)) == ranks


def test_a_worker_takes_its_part_of_the_cores(monkeypatch):
    """Three of seven threads are two each, never none, and what somebody chose stays."""
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    chosen = {"OMP_NUM_THREADS": "5"}
    share_cores(3, chosen)
    assert {"OMP_NUM_THREADS": "5", "TF_NUM_INTRAOP_THREADS": "2", "TF_NUM_INTEROP_THREADS": "2"} == chosen
    share_cores(9, few := {})
    assert {"1"} == set(few.values())


@pytest.mark.parametrize("workers", [0, 2])
def test_figures_come_together_and_the_closing_line_is_the_last(tmp_path, workers):
    """What tests measured stands in one table, whichever process they ran in."""
    (tmp_path / "conftest.py").write_text("from tests.conftest import *")
    for name in ("one", "other"):
        (tmp_path / f"test_{name}.py").write_text(f'def test_it(figures): figures.add("{name}", 1.5, "s", at_most=1)')
    environment = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", tmp_path, "-n", str(workers)]
    done = subprocess.run(
        [*command, "--dist", "loadscope", tmp_path],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert 0 == done.returncode, done.stdout + done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert [[name, "1.5", "s", "<=", "1", "BEYOND"] for name in ("one", "other")] == sorted(
        row for row in rows if row[-1:] == ["BEYOND"]
    )
    assert "2 passed" in done.stdout.splitlines()[-1]
