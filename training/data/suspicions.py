"""Pictures that people should look at: nearly empty, dark, tiny, drawn out, or unlike everything else in their class.

None of them is left out for it: each may be right, and only people can tell.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from training.data.facts import Facts

_UNIFORM = 10.0  # standard deviation, levels of 255
_DARK, _BRIGHT = 60.0, 200.0  # levels that 99 % of a picture's pixels lie below, or above
_ASPECT = 3.0
_TINY_SHARE = 0.25  # of the median shorter side
_GREY = 2.0  # mean difference of the colour channels, levels
_RARE_SHARE = 0.1
_NEIGHBOURS, _REFERENCE = 5, 2000
_FAR = 2.5  # robust standard deviations; mild, because looking at a picture costs a second
_GRID = 8  # pictures are compared at 8 x 8


@dataclass(frozen=True)
class Suspicion:
    """Rows of pictures that share a reason to be looked at, the worst first; no row has two reasons."""

    reason: str
    rows: tuple[int, ...]


def suspicions(facts: Sequence[Facts], classes: np.ndarray) -> list[Suspicion]:
    """Find pictures that people should look at.

    Args:
        facts: of N pictures that can be decoded.
        classes: int[N], their classes.
    Returns: one for each reason that applies to any picture.
    """
    if not facts:
        return []
    images = np.stack([f.thumbnail for f in facts if f.thumbnail is not None]).astype(np.float32)
    sides = np.array([(f.width, f.height) for f in facts], float)
    pixels = images.reshape(len(images), -1)
    short, aspect = sides.min(axis=1), sides.max(axis=1) / sides.min(axis=1)
    checks: list[tuple[str, Callable[[], np.ndarray]]] = [
        ("nearly one colour", lambda: _UNIFORM - pixels.std(axis=1)),
        ("very dark", lambda: _DARK - np.percentile(pixels, 99, axis=1)),
        ("very bright", lambda: np.percentile(pixels, 1, axis=1) - _BRIGHT),
        ("tiny beside the others", lambda: _TINY_SHARE * np.median(short) - short),
        ("more than three times as long as wide", lambda: aspect - _ASPECT),
        ("grey among coloured ones", lambda: _rare(_GREY - _chroma(images))),
        ("coloured among grey ones", lambda: _rare(_chroma(images) - _GREY)),
        ("unlike the rest of its class", lambda: _strangeness(images, classes) - _FAR),
    ]
    found: list[Suspicion] = []
    for reason, check in checks:
        by_how_much = check()
        known = {row for one in found for row in one.rows}  # a blank page is also bright, grey and unlike its class
        rows = [int(row) for row in np.argsort(-by_how_much, kind="stable") if by_how_much[row] > 0]
        if rows := [row for row in rows if row not in known]:
            found.append(Suspicion(reason, tuple(rows)))
    return found


def _chroma(images: np.ndarray) -> np.ndarray:
    return np.asarray((images.max(axis=3) - images.min(axis=3)).mean(axis=(1, 2)))


def _rare(by_how_much: np.ndarray) -> np.ndarray:
    """Pass the values on if few are positive: what most pictures are is not suspicious."""
    return by_how_much if (by_how_much > 0).mean() <= _RARE_SHARE else np.zeros_like(by_how_much)


def _strangeness(images: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Say how far each picture is from its nearest neighbours in its class, float[N] in robust standard deviations.

    Distances are compared on a logarithmic scale by median and median absolute deviation (Iglewicz and Hoaglin, How to
    Detect and Handle Outliers, 1993).
    """
    step = images.shape[1] // _GRID
    small = images.reshape(len(images), _GRID, step, _GRID, step, 3).mean(axis=(2, 4)).reshape(len(images), -1)
    strange = np.zeros(len(images))
    for one in np.unique(classes):
        rows = np.flatnonzero(classes == one)
        if len(rows) <= 2 * _NEIGHBOURS:
            continue
        reference = small[rows[:: -(-len(rows) // _REFERENCE)]]
        distances = np.array([_nearest(picture, reference) for picture in small[rows]])
        logs = np.log(np.maximum(distances, 1.0))
        deviation = 1.4826 * np.median(np.abs(logs - np.median(logs)))
        strange[rows] = (logs - np.median(logs)) / max(deviation, 1e-6)
    return strange


def _nearest(picture: np.ndarray, reference: np.ndarray) -> float:
    distances = np.sqrt(((reference - picture) ** 2).mean(axis=1))
    return float(np.partition(distances, _NEIGHBOURS)[_NEIGHBOURS])  # the nearest one of all is the picture itself
