"""PNG (W3C, third edition): the header, and the chunks that pixels need."""

import struct
import zlib
from collections.abc import Iterator

from gateway.formats.exif import orientation
from gateway.formats.header import MOST_PARTS, Broken, Header

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_KEPT = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_EXIF, _ICC = b"eXIf", b"iCCP"
_TEXTS = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_NOTES = _TEXTS | {_EXIF, _ICC}
_RAW_EXIF, _XMP = b"Raw profile type exif", b"XML:com.adobe.xmp"
_WIDE, _SEVERAL_SAMPLES = 16, frozenset({2, 4, 6})  # bits; RGB, grey with alpha, RGB with alpha
_MOST_TEXT = 2**20  # bytes that a compressed text or profile may become


def read(data: bytes) -> Header:
    """Read a PNG. Raises: Broken."""
    kept = [SIGNATURE]
    notes: dict[bytes, tuple[bytes, bytes]] = {}
    size: tuple[int, int, int] | None = None
    for kind, start, end in _chunks(data):
        if kind in _KEPT:
            kept.append(data[start:end])
        if kind == b"IHDR":
            if size:
                raise Broken("The picture has more than one header.")
            size = _size(data[start + 8 : end - 4])
        elif kind in _NOTES:
            keyword, _, rest = data[start + 8 : end - 4].partition(b"\0")
            if kind not in _TEXTS:
                notes[kind] = kind, data[start + 8 : end - 4]
            elif keyword in (_RAW_EXIF, _XMP):
                notes[keyword] = kind, rest
    if size is None:
        raise Broken("The picture's header is broken or cut short.")
    width, height, factor = size
    # Unpacked only now, each once, however often it comes.
    said = {about: _said(*note) for about, note in notes.items()}
    exif = said.get(_EXIF) or _from_hex(said.get(_RAW_EXIF, b""))
    way_up = orientation(exif, said.get(_XMP, b""))
    return Header("PNG", width, height, b"".join(kept), factor, way_up, profile=said.get(_ICC, b""))


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Give each chunk's kind, start and end, its length and checksum included; the last may be cut short."""
    position = len(SIGNATURE)
    for _ in range(MOST_PARTS):
        if position + 8 > len(data):
            return
        length, kind = struct.unpack_from(">L4s", data, position)
        yield kind, position, position + 12 + length
        if kind == b"IEND":
            return
        position += 12 + length
    raise Broken("The picture has more chunks than any program writes.")


def _size(header: bytes) -> tuple[int, int, int]:
    """Read width, height, and the factor of a pixel."""
    if len(header) < 13:  # noqa: PLR2004 - bytes of IHDR
        raise Broken("The picture's header is broken or cut short.")
    width, height, depth, colour = struct.unpack_from(">LLBB", header)
    return width, height, 4 if depth == _WIDE and colour in _SEVERAL_SAMPLES else 2


def _said(kind: bytes, rest: bytes) -> bytes:
    """Return what a chunk says, a text's keyword left out; nothing where it is broken or too long."""
    if kind in (_EXIF, b"tEXt"):
        return rest
    if kind == _ICC:
        _, _, rest = rest.partition(b"\0")  # the profile's name
    if kind != b"iTXt":
        return _unpacked(rest[1:])
    compressed = rest[:1] != b"\0"
    _, _, rest = rest[2:].partition(b"\0")  # language
    _, _, rest = rest.partition(b"\0")  # keyword in that language
    return _unpacked(rest) if compressed else rest


def _unpacked(packed: bytes) -> bytes:
    """Decompress; nothing where it is broken or too long."""
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(packed, _MOST_TEXT)
    except zlib.error:
        return b""
    return b"" if unpacker.unconsumed_tail else text


def _from_hex(text: bytes) -> bytes:
    """Read EXIF as ImageMagick writes it: three lines, then hexadecimal digits."""
    try:
        return bytes.fromhex("".join(text.decode("latin-1").split("\n", 3)[3:]))
    except ValueError:
        return b""
