"""BMP: the size, and whether the pixels are run-length coded."""

import struct

from gateway.formats.header import Header

_OS2_HEADER = 12  # bytes of the oldest header, which has 16-bit numbers
_RLE = frozenset({1, 2})
_RLE_FACTOR = 50  # unpacked run by run in Python


def read(data: bytes) -> Header:
    """Read a BMP. Raises: struct.error where it is cut short."""
    (header_bytes,) = struct.unpack_from("<L", data, 14)
    if header_bytes == _OS2_HEADER:
        width, height = struct.unpack_from("<HH", data, 18)
        return Header("BMP", width, height, data, factor=2)
    width, height, _, _, coding = struct.unpack_from("<LlHHL", data, 18)
    return Header("BMP", width, abs(height), data, factor=_RLE_FACTOR if coding in _RLE else 2)
