"""Read a model version's goldens: pictures with the probabilities that training computed of them (contract 1).

Training's skew gate holds exported files to them, `gateway verify` holds what runs to them.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gateway.pictures import to_tensor

GOLDEN_FILE = "golden.json"


class GoldenError(ValueError):
    """The record or a picture is missing, or a picture is another one than was recorded."""


@dataclass(frozen=True, eq=False)
class Golden:
    """One version's goldens: `probabilities` is float64[N, K], a row a picture and a column a label."""

    model: str
    version: int
    labels: tuple[str, ...]
    tolerance: float
    pictures: Sequence[bytes]
    probabilities: npt.NDArray[np.float64]


def read_golden(folder: Path) -> Golden:
    """Read the goldens of a model version's folder. Raises: GoldenError."""
    try:
        record: dict[str, Any] = json.loads((folder / GOLDEN_FILE).read_text(encoding="utf-8"))
        files = [(folder / picture["file"]).read_bytes() for picture in record["pictures"]]
        golden = Golden(
            model=record["model"],
            version=record["version"],
            labels=tuple(record["labels"]),
            tolerance=float(record["tolerance"]),
            pictures=files,
            probabilities=np.array([picture["probabilities"] for picture in record["pictures"]]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise GoldenError(f"{folder / GOLDEN_FILE} cannot be read: {error!r}") from error
    for picture, file in zip(record["pictures"], files, strict=True):
        if hashlib.sha256(file).hexdigest() != picture["sha256"]:
            raise GoldenError(f"{folder / picture['file']} is not the picture that {GOLDEN_FILE} was made with.")
    if not files:
        raise GoldenError(f"{folder / GOLDEN_FILE} names no picture.")
    return golden


@lru_cache(maxsize=64)
def tensors(golden: Golden, height: int, width: int) -> npt.NDArray[np.uint8]:
    """Decode the pictures for a model's input: uint8[N, height, width, 3]."""
    return np.stack([to_tensor(picture, height, width) for picture in golden.pictures])


def difference(actual: npt.NDArray[Any], expected: npt.NDArray[Any]) -> float:
    """Return max |actual - expected|; infinity for another shape or anything that is not a finite number."""
    if actual.shape != expected.shape or not np.isfinite(actual).all():
        return float("inf")
    return float(np.abs(actual - expected).max())
