"""Read and write TFRecord files, the framing of `assets.extra/tf_serving_warmup_requests`.

Format (tensorflow/core/lib/io/record_writer.h): uint64 length, masked CRC-32C of the length, data, masked CRC-32C of
the data, all little-endian.
"""

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

_POLYNOMIAL = 0x82F63B78  # CRC-32C (Castagnoli), reflected
_MASK_DELTA = 0xA282EAD8
_HEADER = struct.Struct("<QI")
_FOOTER = struct.Struct("<I")


def _make_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = (value >> 1) ^ (_POLYNOMIAL if value & 1 else 0)
        table.append(value)
    return tuple(table)


_TABLE = _make_table()


class RecordError(ValueError):
    """A file that is not, or not wholly, a TFRecord file."""


def masked_crc32c(data: bytes) -> int:
    """Compute TFRecord's checksum: CRC-32C (RFC 3720), rotated and shifted so that a CRC of CRCs stays useful."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + _MASK_DELTA) & 0xFFFFFFFF


def read_records(path: Path) -> Iterator[bytes]:
    """Yield the records of a file in order.

    Raises: RecordError naming the file where it is truncated or a checksum is wrong.
    """
    with path.open("rb") as file:
        while header := file.read(_HEADER.size):
            if len(header) < _HEADER.size:
                raise RecordError(f"{path}: truncated record header")
            length, crc = _HEADER.unpack(header)
            if masked_crc32c(header[:8]) != crc:
                raise RecordError(f"{path}: wrong checksum of a record's length")
            data, footer = file.read(length), file.read(_FOOTER.size)
            if len(data) < length or len(footer) < _FOOTER.size:
                raise RecordError(f"{path}: truncated record")
            if masked_crc32c(data) != _FOOTER.unpack(footer)[0]:
                raise RecordError(f"{path}: wrong checksum of a record")
            yield data


def write_records(path: Path, records: Iterable[bytes]) -> None:
    """Write records to a file, making its folder if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for data in records:
            length = struct.pack("<Q", len(data))
            file.write(length + _FOOTER.pack(masked_crc32c(length)) + data + _FOOTER.pack(masked_crc32c(data)))
