"""A release says what its tag's section of the changelog says, and which images prod gets."""

import re

import pytest

from tools.publish import release
from tools.publish.commands import ROOT, PublishError

CHANGELOG = """# Changelog

## [Unreleased]
- later

## [1.2.0] - 2026-11-21
### Added
- something

## [1.1.0] - 2026-01-01

[1.2.0]: https://example.org/1.2.0
"""


@pytest.fixture
def tree(tmp_path):
    """A tree with a changelog, and prod's file of digests as after a promotion."""
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    file = tmp_path / release.RELEASE
    file.parent.mkdir(parents=True)
    file.write_text(re.sub("0{64}", "d" * 64, (ROOT / release.RELEASE).read_text()))
    return tmp_path


@pytest.fixture
def released(tree, monkeypatch, stand_in):
    """What gh was asked when the tree is released, the notes with it."""
    monkeypatch.setattr(release, "ROOT", tree)
    return stand_in("gh", f'cp "${{@: -1}}" {tree}/notes.md 2>/dev/null || true')


def test_notes_are_the_section_and_the_images(tree):
    """Notes have the version's section, no other one, and both images by digest."""
    text = release.notes("v1.2.0", tree)
    assert text.startswith("### Added\n- something\n")
    assert "later" not in text
    assert "example.org/1.2.0" not in text
    assert 2 == len(re.findall(r"/(?:gateway|model-server)@sha256:d{64}$", text, re.MULTILINE))


@pytest.mark.parametrize("tag", ["v1.3.0", "v1.1.0", "1.2.0", "v1.2", "Unreleased", "v1.2.0;id", "v1x2x0"])
def test_a_tag_needs_a_section(tree, tag):
    """A tag that is no version, or whose section is missing or empty, is refused."""
    with pytest.raises(PublishError):
        release.notes(tag, tree)


def test_nothing_is_released_before_a_promotion(tree):
    """While prod's digests are zeros there is nothing to release."""
    (tree / release.RELEASE).write_text(re.sub("d{64}", "0" * 64, (tree / release.RELEASE).read_text()))
    with pytest.raises(PublishError, match="gateway, model-server"):
        release.notes("v1.2.0", tree)


def test_a_release_is_of_a_tag_that_is_there(released):
    """No tag is made by the way; a plain version is no pre-release."""
    release.release("v1.2.0", dry_run=False)
    (call,) = released()
    assert call.startswith("release create v1.2.0 --verify-tag --title v1.2.0 --notes-file ")
    assert "--prerelease" not in call


def test_a_release_candidate_is_a_pre_release(released, tree):
    """A version with a suffix is marked as a pre-release."""
    (tree / "CHANGELOG.md").write_text(CHANGELOG.replace("[1.2.0] -", "[1.2.0-rc.1] -"))
    release.release("v1.2.0-rc.1", dry_run=False)
    assert "--prerelease" in released()[0]


def test_a_dry_run_only_prints(released, tree, capsys):
    """A dry run prints the notes and asks gh nothing."""
    release.release("v1.2.0", dry_run=True)
    assert release.notes("v1.2.0", tree) == capsys.readouterr().out
    assert [] == released()
