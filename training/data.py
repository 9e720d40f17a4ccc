"""Data: a folder per class, split by content, decoded once by the gateway's own decoder.

A picture's split follows from the SHA-256 of its bytes alone, so it stays where it is when the folder grows, is renamed
or is read on another machine, and two copies of one file can never be on both sides.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import numpy as np
from tqdm import tqdm

from gateway.pictures import PictureError, to_tensor

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
_VALIDATION_FROM, _TEST_FROM = 0.75, 0.85
_NAMED_AT_MOST = 5  # broken files that an error message names


class DataError(ValueError):
    """The folder of pictures cannot be trained on; the message says which files and why."""


@dataclass(frozen=True)
class Example:
    """One picture: its file, class index, content hash (hex) and split."""

    path: Path
    label: int
    sha256: str
    split: Split


def split_of(sha256: str) -> Split:
    """Say which split a picture belongs to: 75 % train, 10 % validation, 15 % test, by the hash's first 32 bits."""
    place = int(sha256[:8], 16) / 2**32
    if place < _VALIDATION_FROM:
        return "train"
    return "validation" if place < _TEST_FROM else "test"


def scan(folder: Path, labels: Sequence[str] | None = None) -> tuple[list[Example], tuple[str, ...]]:
    """List the pictures of a folder that holds one folder per class.

    Args:
        folder: directory with a directory for each class; files that start with a dot are left out.
        labels: class names in the order of the model's answers; the folders' names sorted if None.
    Returns: examples sorted by class and content hash, without exact duplicates, and the class names.
    Raises: DataError if a class is missing or empty, or one picture is in two classes.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder. Pass --data a folder that holds one folder per class.")
    names = tuple(labels or sorted(p.name for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")))
    if len(names) < 2:  # noqa: PLR2004 - one class is no classifier
        raise DataError(f"{folder} holds {len(names)} class folders; a classifier needs two or more.")
    found: dict[str, Example] = {}
    for label, name in enumerate(names):
        files = sorted(p for p in (folder / name).glob("*") if p.is_file() and not p.name.startswith("."))
        if not files:
            raise DataError(f"{folder / name} is missing or empty: no pictures of class {name!r}.")
        for path in files:
            sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
            twin = found.setdefault(sha256, Example(path, label, sha256, split_of(sha256)))
            if twin.label != label:
                raise DataError(f"The same picture is in two classes: {twin.path} and {path}. Remove one.")
    return sorted(found.values(), key=lambda e: (e.label, e.sha256)), names


def content_hash(examples: Sequence[Example], labels: Sequence[str]) -> str:
    """Hash what is trained on (classes and pictures, not file names or order) to one SHA-256, hex."""
    lines = sorted(f"{labels[e.label]} {e.sha256}" for e in examples)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def counts(examples: Sequence[Example], labels: Sequence[str]) -> dict[str, dict[str, int]]:
    """Count the pictures of each split by class name."""
    table = Counter((e.split, labels[e.label]) for e in examples)
    return {split: {name: table[split, name] for name in labels} for split in SPLITS}


def load(examples: Sequence[Example], size: int, cache: Path | None = None) -> np.ndarray:
    """Decode pictures to uint8[N, size, size, 3], RGB, in the order of `examples`.

    Args:
        examples: what `scan` found, or a part of it.
        size: height and width of the result in pixels.
        cache: folder that keeps decoded tensors between runs (N * size * size * 3 bytes a file); none if None.
    Raises: DataError that names the files which cannot be decoded.
    """
    key = hashlib.sha256("".join(e.sha256 for e in examples).encode()).hexdigest()[:16]
    kept = cache / f"tensors-{key}-{size}.npy" if cache else None
    if kept and kept.exists():
        return cast("np.ndarray", np.load(kept, mmap_mode="r"))
    images = np.empty((len(examples), size, size, 3), np.uint8)
    broken = []
    for index, example in enumerate(tqdm(examples, desc=f"decode at {size} px", unit="picture", leave=False)):
        try:
            images[index] = to_tensor(example.path.read_bytes(), size, size)
        except PictureError as error:
            broken.append(f"{example.path}: {error}")
    if broken:
        more = f"\n... and {len(broken) - _NAMED_AT_MOST} more" if len(broken) > _NAMED_AT_MOST else ""
        raise DataError("Pictures that cannot be decoded; remove them:\n" + "\n".join(broken[:_NAMED_AT_MOST]) + more)
    if kept:
        kept.parent.mkdir(parents=True, exist_ok=True)
        partial = kept.with_suffix(".partial.npy")
        np.save(partial, images)
        partial.replace(kept)  # a killed run never leaves half a cache
    return images


def one_hot(examples: Sequence[Example], classes: int) -> np.ndarray:
    """Return the true classes as float32[N, classes]."""
    return np.eye(classes, dtype=np.float32)[[e.label for e in examples]]
