"""ISO's base media format (ISO/IEC 14496-12), which AVIF's files are in: boxes, items, and where items' bytes are."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from gateway.formats.header import Broken

_MOST_ITEMS = 1024  # a grid of 32 x 32
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


def contents(data: bytes | bytearray, iloc: Box, idat: Box | None) -> Iterator[tuple[int, bytes]]:
    """Give each item's number and its bytes, put together from where the container says they are. Raises: Broken."""
    version = data[iloc.start]
    offset_bytes, length_bytes = data[iloc.start + 4] >> 4, data[iloc.start + 4] & 15
    base_bytes, index_bytes = data[iloc.start + 5] >> 4, data[iloc.start + 5] & 15 if version else 0
    position = iloc.start + 6

    def number(size: int) -> int:
        nonlocal position
        position += size
        if position > iloc.end:
            raise Broken(_BROKEN)
        return int.from_bytes(data[position - size : position], "big")

    wide = 4 if version >= 2 else 2  # noqa: PLR2004
    count = number(wide)
    if count > _MOST_ITEMS:
        raise Broken(_MANY)
    for _ in range(count):
        item = number(wide)
        in_idat = bool(version and number(2) & 15)
        number(2)  # a file of its own, which decoders do not open
        base = number(base_bytes)
        extents = number(2)
        if extents > _MOST_ITEMS:
            raise Broken(_MANY)
        origin, last = (idat.start, idat.end) if in_idat and idat else (0, len(data))
        content = []
        for _ in range(extents):
            number(index_bytes)
            start = origin + base + number(offset_bytes)
            length = number(length_bytes)
            if start > last or start + length > last:
                raise Broken(_BROKEN)
            content.append(data[start : start + length if length else last])
        yield item, b"".join(content)
