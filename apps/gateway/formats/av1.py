"""AV1's sequence header (AOM, AV1 Bitstream & Decoding Process Specification, 5.3 and 5.5): how large frames may be."""

from gateway.formats.header import Broken

_SEQUENCE, _FRAMES = 1, frozenset({3, 6})  # kinds of unit: sequence header; frame header, frame
_MOST_UNITS = 64  # of an item; a still picture has a handful
_BROKEN = "The picture is broken or cut short."


def pixels(stream: bytes) -> int:
    """Count the pixels that decoding a stream may take: all its frames, each of the largest size that it may have.

    Raises: Broken.
    """
    frames = largest = position = 0
    for _ in range(_MOST_UNITS):
        if position >= len(stream):
            return largest * max(1, frames)
        first = stream[position]
        kind, extended, sized = first >> 3 & 15, first >> 2 & 1, first >> 1 & 1
        position += 1 + extended
        length = len(stream) - position
        if sized:
            length, position = _leb128(stream, position)
        if position + length > len(stream):
            raise Broken(_BROKEN)
        if kind == _SEQUENCE:
            largest = max(largest, _largest_frame(stream[position : position + length]))
        frames += kind in _FRAMES
        position += length
    raise Broken("The picture has more parts than any program writes.")


def _leb128(stream: bytes, position: int) -> tuple[int, int]:
    """Read a number of seven bits a byte. Returns: it, and where it ends."""
    value = 0
    for index, byte in enumerate(stream[position : position + 8]):
        value |= (byte & 127) << 7 * index
        if byte < 128:  # noqa: PLR2004 - the highest bit says that more follow
            return value, position + index + 1
    raise Broken(_BROKEN)


class _Bits:
    def __init__(self, data: bytes) -> None:
        self._left = 8 * len(data)
        self._value = int.from_bytes(data, "big")

    def __call__(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise Broken(_BROKEN)
        return self._value >> self._left & (1 << count) - 1


def _largest_frame(header: bytes) -> int:
    """Return the pixels of the largest frame that may follow a sequence header."""
    bits = _Bits(header[:512])
    bits(3 + 1)  # profile, still picture
    plain = bits(1)
    if plain:
        bits(5)  # level
    else:
        _skip_operating_points(bits)
    width_bits, height_bits = bits(4) + 1, bits(4) + 1
    width, height = bits(width_bits) + 1, bits(height_bits) + 1
    # Each frame may state a size of its own in as many bits.
    return width * height if plain else 1 << width_bits + height_bits


def _skip_operating_points(bits: _Bits) -> None:
    delay_bits = 0
    if bits(1):  # timing
        bits(64)
        if bits(1):
            _skip_uvlc(bits)
        if bits(1):  # decoder model
            delay_bits = bits(5) + 1
            bits(32 + 5 + 5)
    initial_delay = bits(1)
    for _ in range(bits(5) + 1):
        bits(12)
        if bits(5) > 7:  # noqa: PLR2004 - levels above 3.3 have a tier
            bits(1)
        if delay_bits and bits(1):
            bits(2 * delay_bits + 1)
        if initial_delay and bits(1):
            bits(4)


def _skip_uvlc(bits: _Bits) -> None:
    zeros = 0
    while not bits(1):
        zeros += 1
    if zeros < 32:  # noqa: PLR2004 - more stand for the largest number
        bits(zeros)
