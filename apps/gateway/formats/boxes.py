"""ISO's base media format (ISO/IEC 14496-12), which AVIF's files are in: boxes, items, and where items' bytes are."""

import struct
from collections.abc import Collection, Iterator
from typing import NamedTuple

from gateway.formats.header import Broken

_MOST_PLACES = 2100  # of items and their extents; a grid of 32 x 32 has 1024 of both
_MOST_BYTES = 2**25  # of all items: some may share bytes, but not much
_MOST_BOXES = 4096
_BROKEN = "The picture is broken or cut short."
_MANY = "The picture has more parts than any program writes."
_TO_THE_END, _LARGE = 0, 1  # lengths of a box that mean something else


class Box(NamedTuple):
    """A part of a file: its kind, where that stands, and where its content starts and ends."""

    kind: bytes
    at: int
    start: int
    end: int


def boxes(data: bytes | bytearray, position: int, end: int) -> Iterator[Box]:
    """Give the boxes in a part of a file. Raises: Broken."""
    for _ in range(_MOST_BOXES):
        if position + 8 > end:
            return
        length, kind = struct.unpack_from(">L4s", data, position)
        start = position + 8
        if length == _LARGE:
            (length,) = struct.unpack_from(">Q", data, start)
            start += 8
        elif length == _TO_THE_END:
            length = end - position
        if position + length > end or position + length < start:
            raise Broken(_BROKEN)
        yield Box(kind, position + 4, start, position + length)
        position += length
    raise Broken(_MANY)


def items(data: bytes | bytearray, iinf: Box) -> Iterator[tuple[int, int, bytes]]:
    """Give each item's number, where its kind stands, and its kind."""
    wide = data[iinf.start] > 0
    for box in boxes(data, iinf.start + (8 if wide else 6), iinf.end):
        version = data[box.start]
        if box.kind != b"infe" or version not in (2, 3):
            continue
        form = ">HH4s" if version == 2 else ">LH4s"  # noqa: PLR2004
        number, _, kind = struct.unpack_from(form, data, box.start + 4)
        yield number, box.start + 4 + struct.calcsize(form) - 4, kind


def contents(data: bytes | bytearray, iloc: Box, idat: Box | None, wanted: Collection[int]) -> Iterator[bytes]:
    """Give the bytes of each item that is wanted, put together from where the container says they are.

    All items count for the limits, since decoders read more than those that are wanted. Raises: Broken.
    """
    read = _Numbers(data, iloc)
    version = read(1)
    read(3)
    sizes = read(1), read(1)
    offset_bytes, length_bytes, base_bytes = sizes[0] >> 4, sizes[0] & 15, sizes[1] >> 4
    index_bytes = sizes[1] & 15 if version else 0
    wide = 4 if version >= 2 else 2  # noqa: PLR2004
    left, bytes_left = _MOST_PLACES, _MOST_BYTES
    for _ in range(read(wide)):
        item = read(wide)
        in_idat = bool(version and read(2) & 15)
        read(2)  # a file of its own, which decoders do not open
        base, extents = read(base_bytes), read(2)
        left -= 1 + extents
        if left < 0:
            raise Broken(_MANY)
        origin, last = (idat.start, idat.end) if in_idat and idat else (0, len(data))
        content = []
        for _ in range(extents):
            read(index_bytes)
            start = origin + base + read(offset_bytes)
            end = start + length if (length := read(length_bytes)) else last
            bytes_left -= end - start
            if start > end or end > last:
                raise Broken(_BROKEN)
            if bytes_left < 0:
                raise Broken(_MANY)
            if item in wanted:
                content.append(data[start:end])
        if item in wanted:
            yield b"".join(content)


class _Numbers:
    """Read one number after the other from a box; called with how many bytes it has."""

    def __init__(self, data: bytes | bytearray, box: Box) -> None:
        self._data, self._position, self._end = data, box.start, box.end

    def __call__(self, size: int) -> int:
        self._position += size
        if self._position > self._end:
            raise Broken(_BROKEN)
        return int.from_bytes(self._data[self._position - size : self._position], "big")
