"""The Git repository that is delivered from."""

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tools.delivery.errors import Refused

# What is rendered, and what goes into images: a new file here is a change although Git does not follow it yet.
_MATTERS = ("base", "overlays", "components", "apps")


@dataclass(frozen=True)
class GitRepository:
    """A working tree. Args: tree: its root; environment: added to Git's own."""

    tree: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def run(self, *arguments: str | Path, text: str | None = None) -> str:
        """Run git, with a text on its standard input. Returns: what it prints. Raises: Refused with its last words."""
        done = self.attempt(*arguments, text=text)
        if done.returncode:
            said = (done.stderr or done.stdout).strip() or "failed"
            raise Refused(f"git {arguments[0]}: {said}")
        return done.stdout

    def attempt(self, *arguments: str | Path, text: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run git, whose failure means something. Raises: Refused where there is no git."""
        command = ["git", "-C", self.tree, *arguments]
        try:
            return subprocess.run(
                command, input=text, capture_output=True, text=True, check=False, encoding="utf-8", errors="replace",
                env={**os.environ, **self.environment},
            )  # fmt: skip
        except OSError as error:
            raise Refused(f"git is needed and cannot be run: {error.strerror}") from error

    def commit(self, ref: str) -> str:
        """Give the full hash of a revision. Raises: Refused for one that is not there."""
        found = self.attempt("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
        if found.returncode:
            raise Refused(f"there is no revision {ref!r} here; fetch it first, or correct the name")
        return found.stdout.strip()

    def branch(self) -> str:
        """Name the branch that is checked out; its commit where there is none."""
        return self.attempt("branch", "--show-current").stdout.strip() or self.commit("HEAD")

    def text(self, commit: str, path: str) -> str | None:
        """Give a file as a commit has it; None where it has none."""
        found = self.attempt("show", f"{commit}:{path}")
        return None if found.returncode else found.stdout

    def identity(self, commit: str, path: str) -> str:
        """Give Git's hash of a file or folder of a commit; empty where it has none."""
        found = self.attempt("rev-parse", "--verify", "--quiet", f"{commit}:{path}")
        return "" if found.returncode else found.stdout.strip()

    def names(self, commit: str, folder: str) -> list[str]:
        """Name what is in a folder of a commit."""
        listed = self.attempt("ls-tree", "--name-only", "-z", f"{commit}:{folder}")
        return [] if listed.returncode else [name for name in listed.stdout.split("\0") if name]

    def need_clean(self) -> None:
        """Raise Refused where anything that counts is not committed."""
        entries = self.run("status", "--porcelain", "--no-renames", "-z").split("\0")
        dirty = [
            entry[3:]
            for entry in entries
            if entry and (not entry.startswith("??") or entry[3:].split("/")[0] in _MATTERS)
        ]
        if dirty:
            raise Refused(f"the working tree has changes that no commit holds: {shortened(dirty)}. Commit them first.")


def shortened(names: Sequence[str], most: int = 5) -> str:
    """Write the first names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def short(commit: str) -> str:
    """Write a commit as people do."""
    return commit[:10] if re.fullmatch(r"[0-9a-f]{40}", commit) else commit
