"""WebP (RFC 9649): the canvas, and the first frame of an animation."""

import struct
from collections.abc import Iterator

from gateway.formats.exif import orientation
from gateway.formats.header import MOST_PARTS, Broken, Header

_KEPT = frozenset({b"VP8 ", b"VP8L", b"ALPH", b"ANIM"})
_HAS_XMP, _HAS_EXIF, _HAS_PROFILE, _ANIMATED_AND_ALPHA = 0x04, 0x08, 0x20, 0x12  # of VP8X's flags
_CUT_SHORT = "The picture is broken or cut short."
_VP8_START = b"\x9d\x01\x2a"


def read(data: bytes) -> Header:
    """Read a WebP. Raises: Broken."""
    (riff_bytes,) = struct.unpack_from("<L", data.ljust(8, b"\0"), 4)
    if riff_bytes + 8 > len(data):
        raise Broken(_CUT_SHORT)
    kept, flags, exif, xmp, profile, size, has_frame = [], 0, b"", b"", b"", None, False
    for kind, start, end in _chunks(data, min(len(data), riff_bytes + 8)):
        payload = data[start + 8 : end]
        if kind == b"VP8X":
            size, flags = size or _canvas(payload), payload[0]
            kept.append(data[start : start + 8] + bytes([flags & _ANIMATED_AND_ALPHA]) + payload[1:])
        elif kind in _KEPT:
            size = size or _frame(kind, payload)
            kept.append(data[start:end])
        elif kind == b"ANMF" and not has_frame:
            has_frame = True
            kept.append(data[start:end])
        elif kind == b"EXIF" and flags & _HAS_EXIF:
            exif = exif or payload
        elif kind == b"XMP " and flags & _HAS_XMP:
            xmp = xmp or payload
        elif kind == b"ICCP" and flags & _HAS_PROFILE:
            profile = profile or payload
    if size is None:
        raise Broken(_CUT_SHORT)
    body = b"WEBP" + b"".join(kept)
    whole = b"RIFF" + struct.pack("<L", len(body)) + body
    return Header("WEBP", *size, whole, factor=4, orientation=orientation(exif, xmp), profile=profile)


def _chunks(data: bytes, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Give each chunk's kind, start and end, a byte that makes it even included."""
    position = 12
    for _ in range(MOST_PARTS):
        if position + 8 > end:
            return
        kind, length = struct.unpack_from("<4sL", data, position)
        following = position + 8 + length + (length & 1)
        if following > end:
            raise Broken(_CUT_SHORT)
        yield kind, position, following
        position = following
    raise Broken("The picture has more chunks than any program writes.")


def _canvas(payload: bytes) -> tuple[int, int]:
    if len(payload) < 10:  # noqa: PLR2004 - flags, width, height
        raise Broken(_CUT_SHORT)
    return int.from_bytes(payload[4:7], "little") + 1, int.from_bytes(payload[7:10], "little") + 1


def _frame(kind: bytes, payload: bytes) -> tuple[int, int] | None:
    """Read the size in a lossy or lossless frame; None for other chunks."""
    if kind == b"VP8 ":
        if payload[3:6] != _VP8_START or len(payload) < 10:  # noqa: PLR2004 - frame tag, start code, sizes
            raise Broken(_CUT_SHORT)
        width, height = struct.unpack_from("<HH", payload, 6)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L":
        if len(payload) < 5:  # noqa: PLR2004 - signature and sizes
            raise Broken(_CUT_SHORT)
        (bits,) = struct.unpack_from("<L", payload, 1)
        return (bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1
    return None
