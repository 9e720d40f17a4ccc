"""Find pictures that show the same: encoded, scaled, brightened or mirrored anew.

Candidates differ in few bits of a perceptual hash; what they show is then compared pixel by pixel, because a hash of 64
bits alone takes many trousers for the same. The limits are measured on the three bundled models' pictures: of copies
of photographs made on purpose (JPEG quality 15, half the size, 10 % brighter) 95 in 100 lie within 0.14 of each other,
while of 2.2 million pairs of different photographs none comes below 0.26, and no two trousers of `fashion-mnist` below
0.12. A picture that was cut by 3 % or more, or turned, or made grey, is not found.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from training.data.facts import Facts

_CANDIDATE_BITS = 8
_DISTANCE = 0.15
_SMALL_SIDE, _SMALL_DISTANCE = 64, 0.05  # pixels; a small picture shows less, so likeness proves less
_LEVELS = 24.0  # root mean square (of 255): beyond it, one shape in two shades is no copy
_FLAT = 8.0  # standard deviation (of 255) below which there is nothing to compare
_BLOCK = 4_000_000  # pairs of hashes looked at together
_PAIRS = 2048  # pairs of thumbnails looked at together


@dataclass(frozen=True)
class Pair:
    """Two pictures that show the same: rows first < second, their distance, and whether one is mirrored."""

    first: int
    second: int
    distance: float
    mirrored: bool


def near_duplicates(facts: Sequence[Facts]) -> list[Pair]:
    """Find the pairs among pictures that show the same, with a progress bar on large sets.

    Args:
        facts: of pictures that can be decoded.
    Returns: pairs sorted by their rows.
    """
    if not facts:
        return []
    thumbnails = np.stack([f.thumbnail for f in facts if f.thumbnail is not None])
    flat = thumbnails.reshape(len(facts), -1).std(axis=1) < _FLAT
    small = np.array([min(f.width, f.height) < _SMALL_SIDE for f in facts])
    hashes = np.array([f.hash for f in facts], np.uint64)
    mirrored = np.array([f.mirrored_hash for f in facts], np.uint64)
    found: dict[tuple[int, int], Pair] = {}
    for pairs, turned in _candidates(hashes, mirrored):
        pairs = pairs[~(flat[pairs].any(axis=1))]  # noqa: PLW2901 - the rest of them
        for start in range(0, len(pairs), _PAIRS):
            part = pairs[start : start + _PAIRS]
            distances = _distances(thumbnails, part, turned=turned)
            limits = np.where(small[part].any(axis=1), _SMALL_DISTANCE, _DISTANCE)
            for (first, second), distance in zip(part[distances < limits], distances[distances < limits], strict=True):
                pair = Pair(int(first), int(second), float(distance), turned)
                found.setdefault((pair.first, pair.second), pair)
    return [found[key] for key in sorted(found)]


def groups(count: int, pairs: Sequence[Pair]) -> list[list[int]]:
    """Join rows that are linked by pairs; return the groups of two and more, each sorted."""
    parent = list(range(count))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for pair in pairs:
        parent[root(pair.second)] = root(pair.first)
    members: dict[int, list[int]] = {}
    for row in sorted({row for pair in pairs for row in (pair.first, pair.second)}):
        members.setdefault(root(row), []).append(row)
    return list(members.values())


def _candidates(hashes: np.ndarray, mirrored: np.ndarray) -> Iterator[tuple[np.ndarray, bool]]:
    """Yield int[P, 2] rows whose hashes differ in few bits, and whether the first one's mirror image was compared."""
    count = len(hashes)
    rows = max(1, _BLOCK // count)
    for start in tqdm(range(0, count, rows), "compare pictures", unit="block", disable=None, leave=False, delay=1):
        for turned, ours in ((False, hashes), (True, mirrored)):
            bits = np.bitwise_count(ours[start : start + rows, None] ^ hashes[None, start:])
            first, second = np.nonzero(bits <= _CANDIDATE_BITS)
            ahead = second > first
            yield np.stack([first[ahead], second[ahead]], axis=1) + start, turned


def _distances(thumbnails: np.ndarray, pairs: np.ndarray, *, turned: bool) -> np.ndarray:
    """Compare thumbnails, some change of brightness and contrast aside.

    Returns: float[P], root mean square in standard deviations, 0..2; infinite where the levels are far apart.
    """
    first, second = (thumbnails[pairs[:, side]].astype(np.float32) for side in (0, 1))
    if turned:
        first = first[:, :, ::-1]
    levels = _root_mean_square(first - second)
    return np.where(levels < _LEVELS, _root_mean_square(_standardised(first) - _standardised(second)), np.inf)


def _root_mean_square(difference: np.ndarray) -> np.ndarray:
    return np.sqrt((difference**2).mean(axis=(1, 2, 3)))


def _standardised(images: np.ndarray) -> np.ndarray:
    mean, deviation = (f(images, axis=(1, 2, 3), keepdims=True) for f in (np.mean, np.std))
    return (images - mean) / np.maximum(deviation, 1.0)
