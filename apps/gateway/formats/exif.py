"""Which way is up: the orientation in EXIF (CIPA DC-008, 4.6.4.A) or, where that has none, in XMP."""

import re
import struct

_TAG = 0x0112
_NUMBERS = {3: "H", 4: "L", 6: "b", 8: "h", 9: "l"}  # TIFF's types SHORT, LONG, SBYTE, SSHORT, SLONG
_PREFIX = re.compile(rb"(Exif\0\0){0,2}")
_XMP = re.compile(rb'tiff:Orientation(?:="|>)([0-9])')
_MOST = 8


def orientation(exif: bytes, xmp: bytes) -> int:
    """Return the orientation, 1 to 8; 1 where there is none or it is broken.

    Args:
        exif: a TIFF file's bytes, with or without "Exif" before them; may be empty.
        xmp: an XMP packet; may be empty.
    """
    tiff = exif[_PREFIX.match(exif).end() :]  # type: ignore[union-attr]  # it matches nothing, too
    if tiff:
        if tiff[:4] not in (b"II*\0", b"MM\0*"):
            return 1
        found = _entry(tiff, "<" if tiff[:1] == b"I" else ">")
        if found is not None:
            return found if 1 <= found <= _MOST else 1
    match = _XMP.search(xmp)
    return int(match[1]) if match and 1 <= int(match[1]) <= _MOST else 1


def _entry(tiff: bytes, order: str) -> int | None:
    """Find the tag in the first directory; None where it is not there, 0 where it is no whole number."""
    try:
        (start,) = struct.unpack_from(order + "L", tiff, 4)
        (count,) = struct.unpack_from(order + "H", tiff, start)
        for position in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind, many, value = struct.unpack_from(order + "HHL4s", tiff, position)
            if tag != _TAG or not many:
                continue
            if kind not in _NUMBERS:
                return 0
            number = struct.Struct(order + _NUMBERS[kind])
            if many * number.size <= len(value):
                return int(number.unpack_from(value)[0])
            (there,) = struct.unpack(order + "L", value)
            return int(number.unpack_from(tiff, there)[0])
    except struct.error:  # the directory ends before its entries do
        pass
    return None
