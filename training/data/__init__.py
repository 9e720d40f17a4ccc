"""Data: pictures with their classes, split by content, decoded once by the gateway's own decoder.

A picture's split follows from the SHA-256 of its bytes alone, so it stays where it is when the folder grows, is renamed
or is read on another machine, and two copies of one file can never be on both sides.
"""

import hashlib
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache as once
from pathlib import Path
from typing import Literal, cast

import numpy as np
import PIL
from tqdm import tqdm

import gateway.pictures
from gateway.pictures import PictureError, to_tensor
from training.data import sources
from training.data.locking import exclusive
from training.data.sources import DataError

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
_VALIDATION_FROM, _TEST_FROM = 0.75, 0.85


@dataclass(frozen=True)
class Example:
    """One picture.

    Attributes: path; label, class index; sha256, content hash in hex; split; group, content hash that stands for all
    near duplicates of this picture (its own if it has none), so that cross-validation keeps them in one fold.
    """

    path: Path
    label: int
    sha256: str
    split: Split
    group: str = ""

    def __post_init__(self) -> None:
        """Let a picture without near duplicates be its own group."""
        object.__setattr__(self, "group", self.group or self.sha256)


def split_of(sha256: str) -> Split:
    """Say which split a picture belongs to: 75 % train, 10 % validation, 15 % test, by the hash's first 32 bits."""
    place = int(sha256[:8], 16) / 2**32
    if place < _VALIDATION_FROM:
        return "train"
    return "validation" if place < _TEST_FROM else "test"


def scan(source: Path, labels: Sequence[str] | None = None) -> tuple[list[Example], tuple[str, ...]]:
    """List the pictures of a source without opening them; `training.data.audit` also looks inside.

    Args:
        source: a folder with a folder for each class, or a CSV file; see `sources.read`.
        labels: class names in the order of the model's answers; what the source holds, sorted, if None.
    Returns: examples sorted by class and content hash, without exact duplicates, and the class names.
    Raises: DataError if a class is missing or empty, or one picture is in two classes.
    """
    listed = sources.read(source, labels)
    there = {file.label for file in listed.files}
    for label, name in enumerate(listed.labels):
        if label not in there:
            raise DataError(f"{source} holds no picture of class {name!r}.")
    found: dict[str, Example] = {}
    for file in tqdm(listed.files, "hash pictures", unit="file", disable=None, leave=False):
        sha256 = hashlib.sha256(file.path.read_bytes()).hexdigest()
        twin = found.setdefault(sha256, Example(file.path, file.label, sha256, split_of(sha256)))
        if twin.label != file.label:
            raise DataError(f"The same picture is in two classes: {twin.path} and {file.path}. Remove one.")
    return sorted(found.values(), key=lambda e: (e.label, e.sha256)), listed.labels


def content_hash(examples: Sequence[Example], labels: Sequence[str]) -> str:
    """Hash what is trained on (classes and pictures, not file names or order) to one SHA-256, hex."""
    lines = sorted(f"{labels[e.label]} {e.sha256}" for e in examples)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def counts(examples: Sequence[Example], labels: Sequence[str]) -> dict[str, dict[str, int]]:
    """Count the pictures of each split by class name."""
    table = Counter((e.split, labels[e.label]) for e in examples)
    return {split: {name: table[split, name] for name in labels} for split in SPLITS}


@once
def decoder_version() -> str:
    """Name what decides a decoded tensor's values (the gateway's decoder and Pillow), so no cache outlives them."""
    decoder = Path(gateway.pictures.__file__)
    others = [decoder.parent / "colours.py", *sorted((decoder.parent / "formats").glob("*.py"))]
    source = b"".join(path.read_bytes() for path in [decoder, *others])
    return hashlib.sha256(source + PIL.__version__.encode()).hexdigest()[:16]


def load(examples: Sequence[Example], size: int, cache: Path | None = None) -> np.ndarray:
    """Decode pictures to uint8[N, size, size, 3], RGB, in the order of `examples`.

    Args:
        examples: what `scan` found, or a part of it.
        size: height and width of the result in pixels.
        cache: folder that keeps decoded tensors between runs (N * size * size * 3 bytes a file); none if None. Two
            runs may use it at once, and one that is killed leaves nothing that another would take for whole.
    Raises: DataError that names the files which cannot be decoded.
    """
    shape = (len(examples), size, size, 3)
    if cache is None:
        images = np.empty(shape, np.uint8)
        _decode_all(examples, images)
        return images
    key = hashlib.sha256("".join([decoder_version(), *(e.sha256 for e in examples)]).encode()).hexdigest()[:16]
    kept = cache / f"tensors-{key}-{size}.npy"
    partial = kept.with_suffix(".partial")
    if not _is_whole(kept, shape):
        with exclusive(partial):
            try:
                if not _is_whole(kept, shape):  # another run may have written it meanwhile
                    # On disk from the start: a large data set need not fit in memory.
                    written = np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=shape)
                    _decode_all(examples, written)
                    written.flush()
                    partial.replace(kept)
            finally:
                partial.unlink(missing_ok=True)
    return cast("np.ndarray", np.load(kept, mmap_mode="r"))


def load_readable(examples: Sequence[Example], size: int) -> tuple[list[Example], np.ndarray]:
    """Decode pictures like `load`, leaving out those that cannot be; they are named on standard error.

    Returns: the examples that are left, and uint8[N, size, size, 3].
    Raises: DataError if none is left.
    """
    images = np.empty((len(examples), size, size, 3), np.uint8)
    broken = _decode(examples, images)
    if len(broken) == len(examples):
        raise DataError(f"None of {len(examples)} pictures can be decoded:\n{sources.first(broken.values())}")
    if broken:
        print(
            f"left out, because they cannot be decoded: {len(broken)}\n{sources.first(broken.values())}",
            file=sys.stderr,
        )
    rows = [row for row in range(len(examples)) if row not in broken]
    return [examples[row] for row in rows], images[rows]


def _is_whole(file: Path, shape: tuple[int, ...]) -> bool:
    try:
        return bool(np.load(file, mmap_mode="r").shape == shape)
    except (FileNotFoundError, ValueError, EOFError):  # not there, or cut short by a full disk
        return False


def _decode(examples: Sequence[Example], images: np.ndarray) -> dict[int, str]:
    """Fill uint8[N, H, W, 3] with decoded pictures; say of each row that cannot be, which file and why."""
    broken = {}
    height, width = images.shape[1:3]
    shown = tqdm(examples, desc=f"decode at {width} px", unit="picture", disable=None, leave=False)
    for row, example in enumerate(shown):
        try:
            images[row] = to_tensor(example.path.read_bytes(), height, width)
        except PictureError as error:
            broken[row] = f"{example.path}: {error}"
    return broken


def _decode_all(examples: Sequence[Example], images: np.ndarray) -> None:
    """Fill uint8[N, H, W, 3] with decoded pictures; raise DataError if one cannot be."""
    if broken := _decode(examples, images):
        raise DataError(f"Pictures that cannot be decoded; remove them:\n{sources.first(broken.values())}")


def one_hot(examples: Sequence[Example], classes: int) -> np.ndarray:
    """Return the true classes as float32[N, classes]."""
    return np.eye(classes, dtype=np.float32)[[e.label for e in examples]]
