"""Publish a tag: its section of CHANGELOG.md and the images that its tree delivers to prod, by digest."""

import re
import tempfile
from pathlib import Path

import yaml

from tools.publish.commands import ROOT, PublishError, run

TAG = re.compile(r"v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?")
RELEASE = Path("overlays/prod/release/kustomization.yaml")
NEVER_BUILT = "sha256:" + "0" * 64


def release(tag: str, *, dry_run: bool) -> None:
    """Make GitHub's release of a tag that was pushed.

    Args:
        tag: v1.2.3 or v1.2.3-rc.1, which becomes a pre-release.
        dry_run: print the notes and stop.
    Raises: PublishError when the changelog has no such section, or prod no images yet.
    """
    text = notes(tag, ROOT)
    if dry_run:
        print(text, end="")
        return
    with tempfile.TemporaryDirectory(prefix="release-") as folder:
        file = Path(folder, "notes.md")
        file.write_text(text)
        pre = ["--prerelease"] if "-" in tag else []
        # --verify-tag: only a tag that is there; without it gh would make one.
        run("gh", "release", "create", tag, "--verify-tag", "--title", tag, "--notes-file", file, *pre, echo=True)


def notes(tag: str, tree: Path) -> str:
    """Write the release notes of a tag as Markdown. Raises: PublishError."""
    if not TAG.fullmatch(tag):
        raise PublishError(f"{tag} is no version: v1.2.3")
    section = changes(tag.removeprefix("v"), (tree / "CHANGELOG.md").read_text())
    images = "\n".join(released(tree / RELEASE))
    return f"{section}\n\n### Images\n```\n{images}\n```\n"


def changes(version: str, changelog: str) -> str:
    """Give a version's section of a changelog without its heading. Raises: PublishError when it is missing or empty."""
    sections = re.split(r"^## \[([^\]]+)\].*$", changelog, flags=re.MULTILINE)
    found = dict(zip(sections[1::2], sections[2::2], strict=True))
    # Keep a Changelog ends with what its headings link to.
    section = re.sub(r"(?m)^\[[^\]]+\]: .*$", "", found.get(version, "")).strip()
    if not section:
        raise PublishError(f"CHANGELOG.md says nothing about {version}: give it a section `## [{version}] - date`")
    return section


def released(file: Path) -> list[str]:
    """List the images of prod as NAME@DIGEST. Raises: PublishError while they are the placeholder."""
    images = yaml.safe_load(file.read_text())["images"]
    if never := [image["name"] for image in images if image["digest"] == NEVER_BUILT]:
        raise PublishError(f"nothing of {', '.join(never)} was ever promoted to prod: promote, then tag")
    return [f"{image['newName']}@{image['digest']}" for image in images]
