"""AVIF (AOM, v1.1; ISO/IEC 14496-12 and 23008-12): the still picture and what its AV1 frames claim to be.

The container and the AV1 stream inside each say a size; the decoder allocates by the stream's. So both are read, and
all frames of all items count, since a few bytes can hold hundreds of frames that are decoded and never shown.
"""

import struct

from gateway.formats import av1
from gateway.formats.boxes import Box, boxes, contents, items
from gateway.formats.header import Broken, Header

_BRANDS = frozenset({b"avif", b"avis"})
_DROPPED = frozenset({b"Exif", b"mime"})  # irot and imir turn an AVIF, not its EXIF (MIAF, 7.3.6.7)
_FACTOR = 4
# Tiles may share bytes, so few bytes can be many to decode: those beyond what a file may have count, 65 ns each.
_FREE_BYTES, _FACTOR_OF_BYTES = 10 * 2**20, 3
_BROKEN = "The picture is broken or cut short."


def is_avif(start: bytes) -> bool:
    """Tell by a file's first bytes whether it is an AVIF; HEIC, which shares the container, is not."""
    if start[4:8] != b"ftyp":
        return False
    length = min(int.from_bytes(start[:4], "big"), len(start))
    return any(start[at : at + 4] in _BRANDS for at in (8, *range(16, length, 4)))


def read(data: bytes) -> Header:
    """Read an AVIF, of an animation its still picture. Raises: Broken."""
    # Lengths stay what they are, because items are found by their distance from the file's start.
    changed = bytearray(data)
    meta = _still_picture(changed)
    coded = _drop_notes(changed, meta[b"iinf"])
    width, height = _size(data, meta[b"iprp"])
    pixels = length = 0
    for content in contents(data, meta[b"iloc"], meta.get(b"idat"), coded):
        pixels += av1.pixels(content)
        length += len(content)
    more = _FACTOR * max(0, pixels - width * height) + _FACTOR_OF_BYTES * max(0, length - _FREE_BYTES)
    return Header("AVIF", width, height, bytes(changed), _FACTOR, more=more)


def _still_picture(changed: bytearray) -> dict[bytes, Box]:
    """Make an animation's file one of its still picture alone. Returns: what describes that, by kind."""
    meta: dict[bytes, Box] = {}
    for box in boxes(changed, 0, len(changed)):
        if box.kind == b"ftyp":
            for at in (box.start, *range(box.start + 8, box.end - 3, 4)):
                if changed[at : at + 4] == b"avis":
                    changed[at : at + 4] = b"avif"
        elif box.kind == b"moov":  # the animation's frames
            changed[box.at : box.at + 4] = b"free"
        elif box.kind == b"meta":
            if meta:
                raise Broken(_BROKEN)
            meta = {child.kind: child for child in boxes(changed, box.start + 4, box.end)}
    return meta


def _drop_notes(changed: bytearray, iinf: Box) -> set[int]:
    """Make items that decoders would read for nothing unknown to them. Returns: the numbers of those with pixels."""
    coded = set()
    for number, at, kind in items(changed, iinf):
        if kind in _DROPPED:
            changed[at : at + 4] = b"free"
        elif kind == b"av01":
            coded.add(number)
    return coded


def _size(data: bytes, iprp: Box) -> tuple[int, int]:
    """Give the largest size that the container speaks of."""
    properties = next(boxes(data, iprp.start, iprp.end), None)
    if properties is None or properties.kind != b"ipco":  # it comes first (ISO/IEC 23008-12, 9.3)
        raise Broken(_BROKEN)
    sizes = [
        struct.unpack_from(">LL", data, box.start + 4)
        for box in boxes(data, properties.start, properties.end)
        if box.kind == b"ispe"
    ]
    if not sizes:
        raise Broken(_BROKEN)
    return max(((width, height) for width, height in sizes), key=lambda size: size[0] * size[1])
