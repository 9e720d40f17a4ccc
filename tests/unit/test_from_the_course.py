"""docs/from-the-course.md: every row says how it was seen, and its files and commands are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "from-the-course.md"
# A row was run, on kind with figures on the named page, or says why not.
SEEN = re.compile(
    r"run|run[,;] .+|kind: .*\[.+\]\(.+\)|kind: likewise|not run here: (likewise|.{15,})|not made: .{15,}"
)


def rows():
    """The cells of every row, less those of heads and of the table that explains the words."""
    for line in PAGE.read_text().partition("\n## ")[2].splitlines():
        if line.startswith("|") and not re.match(r"\| (there|---) \|", line):
            yield tuple(cell.strip() for cell in line.strip("|").split(" |"))


ROWS = list(rows())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:40])
def test_a_row_says_how_it_was_seen(row):
    """Run, on kind with a page that has the figures, or not run or not made with a reason."""
    assert 4 == len(row)
    there, here, command, seen = row
    assert there
    assert here
    assert SEEN.fullmatch(seen), seen
    # What is there has a command that shows it; what is not has none.
    assert bool(command) == (not seen.startswith("not made"))


def test_a_row_that_says_nothing_would_be_seen():
    """An empty word, or a reason left out, is no way of having seen something."""
    assert not any(SEEN.fullmatch(word) for word in ("", "yes", "not run here", "not run here: no", "kind", "running"))


def test_named_tests_and_files_are_there():
    """Every path that a command names exists."""
    named = {path for row in ROWS for path in re.findall(r"(?:tests|apps|tools|overlays)/[\w./-]+", row[2])}
    assert [] == [path for path in sorted(named) if not (ROOT / path).exists()]


def test_every_lesson_has_a_row():
    """Module 8 has lessons 1 to 14, module 10 has 1 to 10; some share a row, none is missing."""
    text = " ".join(row[0] for row in ROWS)
    lessons = [f"8.{number}" for number in range(1, 15)] + [f"10.{number}" for number in range(1, 11)]
    assert [] == [lesson for lesson in lessons if not re.search(rf"\b{re.escape(lesson)}\b", text)]
