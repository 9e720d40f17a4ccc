"""Run other programs and read what `make images` and `make join` wrote."""

import json
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
APPS = ("gateway", "model-server")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
# What `make images` writes, one file an architecture, and `make join` makes of them.
ARCHITECTURES = Path("build/digests")
DIGESTS = Path("build/digests.json")


class PublishError(Exception):
    """Something is missing or a program failed; a sentence for who called."""


def run(*command: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None, echo: bool = False) -> str:
    """Run a program.

    Args:
        command: the program and its arguments.
        cwd: where it runs; the repository when not given.
        env: added to the environment.
        echo: print the command first.
    Returns: its standard output.
    Raises: PublishError with its last words.
    """
    words = list(map(str, command))
    if echo:
        print("+", *words, flush=True)
    try:
        done = subprocess.run(
            words, cwd=cwd or ROOT, env={**os.environ, **(env or {})}, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise PublishError(f"{words[0]} cannot be run: {error}") from error
    if done.returncode:
        last = (done.stderr or done.stdout).strip()[-1000:]
        raise PublishError(f"{' '.join(words[:3])} ended with status {done.returncode}: {last or 'no word why'}")
    return done.stdout


def read_digests(path: Path) -> dict[str, str]:
    """Read a file of digests. Returns: the digest of each app. Raises: PublishError unless it has one of each."""
    try:
        digests = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise PublishError(f"{path} cannot be read: {error}") from error
    if not isinstance(digests, dict) or set(digests) != set(APPS):
        raise PublishError(f"{path} is to name {' and '.join(APPS)}")
    for app, digest in digests.items():
        if not isinstance(digest, str) or not DIGEST.fullmatch(digest):
            raise PublishError(f"{path}: {app} has no digest: {digest}")
    return digests


def architectures(folder: Path) -> dict[str, dict[str, str]]:
    """Read the digests of each architecture. Raises: PublishError when none was pushed."""
    found = {path.stem: read_digests(path) for path in sorted(folder.glob("*.json"))}
    if not found:
        raise PublishError(f"{folder} is empty: make images PUSH=registry/folder")
    return found


def is_local(registry: str) -> bool:
    """Tell whether a registry is on this machine, where TLS is not expected."""
    return re.match(r"(localhost|127\.0\.0\.1)(:\d+)?/", registry + "/") is not None
