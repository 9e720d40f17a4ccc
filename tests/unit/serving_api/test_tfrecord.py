"""TFRecord files are framed and checked."""

import pytest

from serving_api.tfrecord import RecordError, masked_crc32c, read_records, write_records

RECORDS = [b"", b"warm-up", bytes(range(256)) * 5]


def test_records_survive_the_round_trip(tmp_path):
    """What is written is read, in order, and missing folders are made."""
    path = tmp_path / "assets.extra" / "tf_serving_warmup_requests"
    write_records(path, RECORDS)
    assert RECORDS == list(read_records(path))


def test_the_checksum_is_crc32c():
    """RFC 3720 B.4: 32 bytes of zeros have the CRC-32C 0x8A9136AA."""
    crc = 0x8A9136AA
    assert (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF == masked_crc32c(bytes(32))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:5], "truncated record header"),
        (lambda data: data[:-1], "truncated record"),
        (lambda data: b"\x09" + data[1:], "record's length"),
        (lambda data: data[:14] + b"X" + data[15:], "checksum of a record"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path, damage, message):
    """A truncated or altered file is an error that names it."""
    path = tmp_path / "requests"
    write_records(path, [b"warm-up"])
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(RecordError, match=f"requests: .*{message}"):
        list(read_records(path))
