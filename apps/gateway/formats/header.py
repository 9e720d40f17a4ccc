"""What each reader of this package returns and raises."""

from dataclasses import dataclass

# Segments, chunks or blocks of one file. Cameras and editors write hundreds; a PNG in small pieces has some thousands.
MOST_PARTS = 20_000


class Broken(ValueError):  # noqa: N818 - what a reader of `except` wants to see
    """Report a file that is cut short or contradicts itself; the message is a sentence for people."""


@dataclass(frozen=True)
class Header:
    """A picture, before its pixels.

    Attributes: format, in Pillow's words; width and height, pixels as stored; orientation, 1 to 8 as EXIF counts;
    data, the file without what its pixels do not need; factor, the memory and time of a pixel in those of a baseline
    JPEG's, which alone can be decoded at a fraction of its size; more, what is to be added to that; profile, of its
    colours (ICC), empty where it has none; an AVIF's is left to the decoder.
    """

    format: str
    width: int
    height: int
    data: bytes
    factor: int
    orientation: int = 1
    more: int = 0
    profile: bytes = b""

    @property
    def weight(self) -> int:
        """Weigh the picture in pixels of a baseline JPEG."""
        return self.factor * self.width * self.height + self.more
