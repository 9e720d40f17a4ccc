"""Picture files gone wrong: valid ones with bytes changed, moved, lost, or taken from others."""

import random
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from PIL import Image

from tests.hostile.pictures import odd

_EXTREMES = (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\1", b"\x80\0\0\0")
_HEADER = 200  # most of what decides is at the start


def seeds() -> list[bytes]:
    """Make the valid files: every odd picture of a small one that is drawn here."""
    y, x = np.mgrid[0:32, 0:48]
    waves = [127 + 100 * np.sin(x / 5 + y / 9), 127 + 100 * np.cos(y / 4), (x * y) % 256]
    return [data for _, data, _ in odd.all_of(Image.fromarray(np.stack(waves, axis=2).astype(np.uint8)))]


def mutations(files: Sequence[bytes], count: int, seed: int = 1) -> Iterator[bytes]:
    """Make `count` files; the same seed makes the same ones."""
    rng = random.Random(seed)
    for number in range(count):
        data = bytearray(files[number % len(files)])
        for _ in range(rng.choice((1, 1, 2, 4, 16))):
            if data:
                rng.choice(_KINDS)(rng, data, files)
        yield bytes(data)


def _where(rng: random.Random, data: bytearray) -> int:
    return rng.randrange(min(_HEADER, len(data)) if rng.random() < 0.6 else len(data))


def _flip(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    data[_where(rng, data)] ^= 1 << rng.randrange(8)


def _replace(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    data[_where(rng, data)] = rng.randrange(256)


def _extreme(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    at, value = _where(rng, data), rng.choice(_EXTREMES)
    size = rng.choice((1, 2, 4))
    data[at : at + size] = value[:size]


def _cut(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    del data[rng.randrange(len(data)) :]


def _lose(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    at = _where(rng, data)
    del data[at : at + rng.choice((1, 2, 4, 12, 100))]


def _repeat(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    at, size = _where(rng, data), rng.choice((1, 4, 12, 100, 1000))
    data[at:at] = data[at : at + size] * rng.choice((1, 2, 50))


def _splice(rng: random.Random, data: bytearray, files: Sequence[bytes]) -> None:
    other = rng.choice(files)
    at, start = _where(rng, data), rng.randrange(len(other))
    data[at:] = other[start:]


def _insert(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    at = _where(rng, data)
    data[at:at] = rng.randbytes(rng.choice((1, 2, 4, 30)))


_KINDS: tuple[Callable[[random.Random, bytearray, Sequence[bytes]], None], ...] = (
    _flip,
    _replace,
    _extreme,
    _cut,
    _lose,
    _repeat,
    _splice,
    _insert,
)
