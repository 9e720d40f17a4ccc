"""GIF (89a): the first frame, and what stands before it that pixels need."""

import struct

from gateway.formats.header import MOST_PARTS, Broken, Header

_PALETTE, _CONTROL = 0x80, 0xF9
_EXTENSION, _FRAME = b"!", b","
_MANY = "The picture has more blocks than any program writes."
_CUT_SHORT = "The picture is cut short before its first frame."


def read(data: bytes) -> Header:
    """Read a GIF; comments and programs' notes before the first frame fall away. Raises: Broken."""
    if len(data) < 13:  # noqa: PLR2004 - bytes of the screen's description
        raise Broken(_CUT_SHORT)
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    position = 13 + _palette_bytes(flags)
    screen, control = data[:position], b""
    left = MOST_PARTS
    while (kind := data[position : position + 1]) != _FRAME:
        if kind == _EXTENSION:
            label = data[position + 1 : position + 2]
            block, position, left = _blocks(data, position + 2, left)
            if label[0] == _CONTROL and len(block) >= 4 and block[0] & 1:  # noqa: PLR2004 - flags, delay, colour
                # Only the transparent colour: what becomes of the frame when the next one comes is of no interest.
                control = b"!\xf9\x04\x01\0\0" + block[3:4] + b"\0"
        elif kind in (b"", b";"):
            raise Broken(_CUT_SHORT)
        else:
            position += 1  # junk that decoders pass over
        left -= 1
        if left < 0:
            raise Broken(_MANY)
    if len(data) < position + 10:
        raise Broken(_CUT_SHORT)
    left, top, columns, rows = struct.unpack_from("<HHHH", data, position + 1)
    kept = screen + control + data[position:]
    return Header("GIF", max(width, left + columns), max(height, top + rows), kept, factor=2)


def _palette_bytes(flags: int) -> int:
    return 3 * 2 ** ((flags & 7) + 1) if flags & _PALETTE else 0


def _blocks(data: bytes, position: int, left: int) -> tuple[bytes, int, int]:
    """Pass over a chain of at most `left` blocks. Returns: the first, where the chain ends, how many are left."""
    first = data[position + 1 : position + 1 + data[position]] if position < len(data) else b""
    for passed in range(left):
        if position >= len(data):
            raise Broken(_CUT_SHORT)
        length = data[position]
        position += 1 + length
        if not length:
            return first, position, left - passed
    raise Broken(_MANY)
