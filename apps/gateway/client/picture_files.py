"""Find the picture files that `batch` is to classify."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from gateway.client.client import read_bytes
from gateway.client.errors import UsageError

SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".avif")


def in_folder(folder: Path) -> Mapping[str, Path]:
    """Find pictures by their suffix, in folders below as well, hidden ones aside.

    Returns: the files by their name below the folder, with `/`, in order.
    Raises: UsageError where there is no such folder, or no picture in it.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: is no folder")

    def refuse(error: OSError) -> None:
        raise UsageError(f"{error.filename}: {error.strerror}")

    found: dict[str, Path] = {}
    for parent, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = Path(parent, name)
            if name.lower().endswith(SUFFIXES) and not name.startswith(".") and path.is_file():
                found[path.relative_to(folder).as_posix()] = path
    if not found:
        raise UsageError(f"{folder}: holds no picture ({' '.join(SUFFIXES)}); --list names files of any name")
    return dict(sorted(found.items()))


def in_list(path: Path) -> Mapping[str, Path]:
    """Read names of files, one a line; `-` is standard input. A name that is there twice counts once.

    Returns: the files by their name as it is written, in the order of the list.
    Raises: UsageError where it cannot be read or is empty.
    """
    data = sys.stdin.buffer.read() if path == Path("-") else read_bytes(path)
    found = {name: Path(name) for name in os.fsdecode(data).splitlines() if name}
    if not found:
        raise UsageError(f"{path}: names no file")
    return found
