"""What a picture file says of itself, read before any decoder sees it.

`read` walks a file's own structure, in time and memory that do not depend on what the file claims, and returns what is
needed to judge it: how many pixels, how dear each of them is, which way is up, and the file without all that its
pixels do not need: names, comments, profiles, further frames. So a decoder never meets the parts in which most traps
are set, and a limit holds before anything is allocated.
"""

import struct
from collections.abc import Callable

from gateway.formats import avif, bmp, gif, jpeg, png, webp
from gateway.formats.header import Broken, Header

__all__ = ["NAMES", "Broken", "Header", "name_of", "read"]

_READERS: dict[str, Callable[[bytes], Header]] = {
    "JPEG": jpeg.read,
    "PNG": png.read,
    "WEBP": webp.read,
    "GIF": gif.read,
    "BMP": bmp.read,
    "AVIF": avif.read,
}
NAMES = tuple(_READERS)


def name_of(data: bytes) -> str | None:
    """Tell a picture's format by its first 64 bytes, in Pillow's words; None where it is none that is accepted."""
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(png.SIGNATURE):
        return "PNG"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if data.startswith(b"BM"):
        return "BMP"
    return "AVIF" if avif.is_avif(data[:64]) else None


def read(data: bytes) -> Header | None:
    """Read what a file says of itself; None where it is in none of the accepted formats.

    Raises: Broken, for a file that is cut short, contradicts itself, or holds far more parts than any program writes.
    """
    name = name_of(data)
    try:
        return _READERS[name](data) if name else None
    except (struct.error, IndexError, KeyError):  # where a part ends before what it should hold
        raise Broken("The picture is broken or cut short.") from None
