"""Where a model comes from: the commit and the libraries that made it."""

import os
import subprocess
from importlib import metadata
from pathlib import Path

_ROOT = Path(__file__).parents[1]
_DECODER = ("apps/gateway/pictures.py", "apps/gateway/formats", "apps/gateway/colours.py")
_LIBRARIES = ("tensorflow", "keras", "numpy", "pillow", "ai-edge-litert")


def git_commit() -> str:
    """Return the commit of the working tree, with "-dirty" if training/ or the decoder differ from it."""
    try:
        commit = _git("rev-parse", "HEAD")
        changed = _git("status", "--porcelain", "--", "training", *_DECODER)
    except (OSError, subprocess.CalledProcessError):
        return os.environ.get("TRAINING_COMMIT", "unknown")  # an image has no repository; its build says
    return f"{commit}-dirty" if changed else commit


def libraries() -> dict[str, str]:
    """Return the installed versions of what decides a model's numbers."""
    return {name: metadata.version(name) for name in _LIBRARIES}


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=_ROOT, check=True, capture_output=True, text=True).stdout.strip()
