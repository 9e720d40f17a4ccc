"""Accuracy on kinds of pictures: small or large, tall or wide, dark or light, dull or contrasty.

A model that is good on the whole may fail on one kind, and an average does not tell.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from training.evaluation import metrics

_PARTS = 3
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


@dataclass(frozen=True)
class Slice:
    """Accuracy on the pictures whose property lies in a range.

    Attributes:
        kind: the property, with its unit.
        name: the range, for people.
        pictures: how many.
        accuracy: in 0..1.
        low: lower end of the 95 % interval.
        high: upper end.
        stands_out: the accuracy of all pictures is outside the interval.
    """

    kind: str
    name: str
    pictures: int
    accuracy: float
    low: float
    high: float
    stands_out: bool

    def to_json(self) -> dict[str, Any]:
        """Write as JSON-ready dictionary."""
        return {name: round(v, 4) if isinstance(v, float) else v for name, v in vars(self).items()}


def properties(paths: Sequence[Path], images: np.ndarray) -> dict[str, np.ndarray]:
    """Measure pictures: property with unit -> float[N].

    Args:
        paths: the N files; only their headers are read.
        images: uint8[N, H, W, 3], as decoded.
    """
    sizes = np.array([_size(path) for path in paths], float)
    # One picture after the other: as float the whole set would take four times its bytes.
    light = [image @ _LUMA for image in images]
    return {
        "longer side, px": sizes.max(axis=1),
        "width / height": sizes[:, 0] / sizes[:, 1],
        "brightness, 0-255": np.array([one.mean() for one in light]),
        "contrast (spread of brightness), 0-255": np.array([one.std() for one in light]),
    }


def slices(found: dict[str, np.ndarray], right: np.ndarray) -> list[Slice]:
    """Cut each property's pictures in three parts of about equal size and measure each.

    Args:
        found: what `properties` returned.
        right: bool[N], whether each picture was answered rightly.
    Returns: the slices of each property, rising; none of a property that is the same for all pictures.
    """
    overall = float(right.mean())
    result = []
    for kind, values in found.items():
        edges = np.unique(np.quantile(values, np.linspace(0, 1, _PARTS + 1)))
        if len(edges) < 2:  # noqa: PLR2004 - one value only: nothing to tell apart
            continue
        # Three values such as 28, 256, 256, 256 leave one range; its ends then are slices of their own.
        inner = edges[1:-1] if len(edges) > 2 else edges[1:]  # noqa: PLR2004
        place = np.searchsorted(inner, values, side="right")
        form = _form(float(edges[-1] - edges[0]))
        for part in np.unique(place):
            inside = place == part
            n, hits = int(inside.sum()), int(right[inside].sum())
            low, high = metrics.wilson(hits, n)
            name = f"{form(values[inside].min())} to {form(values[inside].max())}"
            stands_out = not low <= overall <= high
            result.append(Slice(kind, name, n, hits / n, low, high, stands_out))
    return result


def _form(spread: float) -> Callable[[float], str]:
    """Write numbers with as many digits as their range calls for."""
    digits = 2 if spread < 10 else 0  # noqa: PLR2004
    return lambda value: f"{value:.{digits}f}"


def _size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size
