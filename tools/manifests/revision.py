"""Take the manifests of another revision out of Git, to compare with those of the working tree."""

import io
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.manifests.rendering import ROOT, SOURCES

# Without these there is nothing to build. Components came later and may be missing.
NEEDED = tuple(source for source in SOURCES if source != "components")


class RevisionError(Exception):
    """A revision is not there, or has no manifests."""


@contextmanager
def manifests_of(ref: str, repository: Path = ROOT) -> Iterator[Path]:
    """Give a folder with what a build reads, as a revision has it, for as long as the context lasts.

    Args:
        ref: branch, tag or commit; a branch that is only known from `origin` (a CI clone) is found there.
        repository: a working tree or a clone of it.
    Raises: RevisionError for a revision that is not there, or that has no base/ and overlays/ yet.
    """
    commit = _commit(ref, repository)
    listed = _git(repository, "ls-tree", "--name-only", "-z", commit, "--", *SOURCES).decode().split("\0")
    present = [name for name in listed if name]
    if missing := [source for source in NEEDED if source not in present]:
        raise RevisionError(f"{ref} has no manifests to compare with: {', '.join(missing)} came after it")
    with tempfile.TemporaryDirectory(prefix="manifests-") as folder:
        with tarfile.open(fileobj=io.BytesIO(_git(repository, "archive", commit, "--", *present))) as archive:
            archive.extractall(folder, filter="data")
        (Path(folder) / "components").mkdir(exist_ok=True)
        yield Path(folder)


def _commit(ref: str, repository: Path) -> str:
    for candidate in (ref, f"origin/{ref}"):
        try:
            found = _git(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{candidate}^{{commit}}")
        except RevisionError:
            continue
        return found.decode().strip()
    raise RevisionError(
        f"there is no revision {ref!r} here: name a branch, tag or commit, and fetch it first "
        f"(a CI clone often has one commit only: git fetch origin {ref})"
    )


def _git(repository: Path, *arguments: str) -> bytes:
    try:
        done = subprocess.run(["git", "-C", repository, *arguments], capture_output=True, check=False)
    except FileNotFoundError as error:
        raise RevisionError("git is needed to read another revision; it is not on PATH") from error
    if done.returncode:
        raise RevisionError(f"git {arguments[0]}: {done.stderr.decode(errors='replace').strip() or 'failed'}")
    return done.stdout
