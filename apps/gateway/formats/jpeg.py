"""JPEG (ITU-T T.81): the frame's size, the number of scans, and the segments that pixels need."""

import re
import struct

from gateway.formats.exif import orientation
from gateway.formats.header import MOST_PARTS, Broken, Header

# Encoders write about ten; each is a pass over all pixels.
_SCANS_A_FACTOR, _MOST_SCANS = 8, 64
_MOST_TABLE_BYTES = 2**18  # three thousand would do, but JFIF may hold a thumbnail or two

_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_SOI, _EOI, _SOS, _APP0, _APP1, _APP2, _APP14 = 0xD8, 0xD9, 0xDA, 0xE0, 0xE1, 0xE2, 0xEE
_KEPT = _SOF | {0xC4, 0xCC, 0xDB, 0xDC, 0xDD, _APP0, _APP14}  # tables; JFIF and Adobe say how colours are stored
_EXIF, _XMP, _ICC = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"ICC_PROFILE\0"

# Not those that stand alone, nor stuffing; no "+": a run of 0xff would cost its square.
_MARKER = re.compile(rb"\xff([^\xff\x00\x01\xd0-\xd8])")
_AFTER_SCAN = re.compile(rb"\xff([^\xff\x00\xd0-\xd7])")
_CMYK = 4


def read(data: bytes) -> Header:
    """Read a JPEG. Raises: Broken."""
    kept, frame, progressive = [data[:2]], b"", False
    notes: list[bytes] = []
    position = 2
    for _ in range(MOST_PARTS):
        marker, start, position = _next(data, position)
        segment = data[start + 4 : position]
        if marker == _SOS:
            break
        if marker in _KEPT:
            kept.append(data[start:position])
        if marker in _SOF:
            if frame:
                raise Broken("The picture has more than one frame header.")
            frame, progressive = segment, marker in _PROGRESSIVE
        elif marker in (_APP1, _APP2):
            notes.append(segment)
    else:
        raise Broken("The picture has more segments than any camera or editor writes.")
    if sum(map(len, kept)) > _MOST_TABLE_BYTES:
        raise Broken("The picture has more tables than any camera or editor writes.")
    if len(frame) < 6 or not segment:  # noqa: PLR2004 - precision, height, width, number of components
        raise Broken("The picture's header is broken or cut short.")
    height, width, components = struct.unpack_from(">HHB", frame, 1)
    factor = 1
    if progressive or segment[0] < components:  # libjpeg keeps all coefficients until the last scan
        factor = max(4 if components == _CMYK else 2, _count_scans(data, position) // _SCANS_A_FACTOR)
    kept.append(data[start:])
    exif, xmp = b"".join(_of(notes, _EXIF)), b"".join(_of(notes, _XMP)[-1:])
    profile = b"".join(piece[2:] for piece in sorted(_of(notes, _ICC)))  # its number, how many there are, its bytes
    return Header("JPEG", width, height, b"".join(kept), factor, orientation(exif, xmp), profile=profile)


def _of(notes: list[bytes], name: bytes) -> list[bytes]:
    """Return the notes of a name, without it."""
    return [note[len(name) :] for note in notes if note.startswith(name)]


def _next(data: bytes, position: int) -> tuple[int, int, int]:
    """Find the next segment, past fill bytes and junk. Returns: its marker, its start, its end."""
    match = _MARKER.search(data, position)
    if match is None:
        raise Broken("The picture ends before its pixels.")
    marker, start = match[1][0], match.start()
    (length,) = struct.unpack(">H", data[start + 2 : start + 4].rjust(2, b"\0"))
    end = start + 2 + max(2, length)  # it counts itself
    if marker == _EOI or end > len(data):
        raise Broken("The picture's header is broken or cut short.")
    return marker, start, end


def _count_scans(data: bytes, position: int) -> int:
    """Count the scans, from the first one's header on, as libjpeg will. Raises: Broken where they are too many."""
    scans = 1
    for _ in range(MOST_PARTS):
        match = _AFTER_SCAN.search(data, position)
        if match is None or match[1][0] == _EOI:
            return scans
        marker, position = match[1][0], match.end()
        if marker == _SOI or marker < min(_SOF):
            continue
        position += int.from_bytes(data[position : position + 2], "big")
        scans += marker == _SOS
        if scans > _MOST_SCANS:
            break
    raise Broken("The picture has more scans than any camera or editor writes.")
