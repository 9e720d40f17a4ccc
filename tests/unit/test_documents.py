"""What the documents name exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    path
    for path in sorted(ROOT.rglob("*.md"))
    if not any(part.startswith(".") or part == "runs" for part in path.relative_to(ROOT).parts[:-1])
]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document):
    """Every relative link of a document is a file or folder of the repository."""
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", document.read_text())
    assert [] == [link for link in links if not (document.parent / link).exists()]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_make_targets_exist(document):
    """Every `make target` that a document names is in the Makefile."""
    assert set() == set(re.findall(r"(?:^|`)make ([a-z][a-z-]+)", document.read_text(), re.MULTILINE)) - TARGETS


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_paths_exist(document):
    """Every path in backquotes that starts with a folder of the root exists, placeholders aside."""
    rooms = "apps|base|overlays|training|argocd|tests|tools|docs|requirements|bench|components"
    paths = re.findall(rf"`((?:{rooms})/[^`\s*<{{]+)`", document.read_text())
    paths = [path for path in paths if not re.search(r"NAME|VERSION|\.\.\.|\$", path)]
    assert [] == [path for path in paths if not (ROOT / path).exists()]


def test_the_checks_can_fail():
    """A target that nobody wrote is missed by the Makefile's list."""
    assert "no-such-target" not in TARGETS
    assert "run" in TARGETS


def test_no_lock_names_an_index():
    """Locks hold hashes, no address: which index to ask is the user's choice."""
    named = [path.name for path in (ROOT / "requirements").iterdir() if re.search(r"https?://", path.read_text())]
    assert [] == named
