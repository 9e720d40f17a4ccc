"""The folder where built programs are kept, and the lock under which they are put there."""

import fcntl
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pykustomize._progress import say


def cache_folder() -> Path:
    """Give `$XDG_CACHE_HOME/pykustomize`, or `~/.cache/pykustomize`; everything in it can be removed at any time."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    # A relative path is to be ignored (XDG Base Directory specification).
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "pykustomize"


def place(cache: Path, name: str, version: str) -> Path:
    """Give the folder of one program: a home may be shared by machines of several kinds."""
    return cache / f"{name}-{version}-{platform.system()}-{platform.machine()}".lower()


@contextmanager
def filling(folder: Path) -> Iterator[Path | None]:
    """Let one process fill a folder: it appears whole or not at all.

    Gives: a new folder that becomes `folder` when the block ends well, or None where another process has filled it
        meanwhile. A block that ends badly, or is killed, leaves `folder` absent; its remains go with the next try.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f".{folder.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another process that makes {folder.name}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.is_dir():
            yield None
            return
        prefix = f".{folder.name}.partial-"
        # The lock is ours, so these are of processes that were killed.
        for left in folder.parent.glob(f"{prefix}*"):
            shutil.rmtree(left, ignore_errors=True)
        partial = Path(tempfile.mkdtemp(prefix=prefix, dir=folder.parent))
        try:
            yield partial
            partial.chmod(0o755)
            partial.rename(folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
