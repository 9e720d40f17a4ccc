import gzip
import io
import stat
import struct
import zipfile

import numpy as np
import pytest
from PIL import Image

from gateway.pictures import to_tensor
from training.data import archives
from training.data.sources import DataError


@pytest.fixture
def zipped(tmp_path):
    """Write a zip archive of (name or ZipInfo, content)."""

    def write(*members):
        with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
            for name, content in members:
                archive.writestr(name, content)
        return tmp_path / "set.zip"

    return write


def unpacked(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_pictures_come_out_without_the_outermost_folder(zipped, tmp_path):
    """Whatever is no picture by its name stays in the archive."""
    archive = zipped(("set-master/train/hat/1.JPG", b"1"), ("set-master/README.md", b"2"), ("loose.png", b"3"))
    archives.unpack_pictures(archive, tmp_path / "out")

    assert {"train/hat/1.JPG": b"1", "loose.png": b"3"} == unpacked(tmp_path / "out")


@pytest.mark.parametrize("name", ["a/../../evil.png", "/etc/evil.png", "..\\..\\evil.png", "C:/evil.png"])
def test_a_path_out_of_the_folder_is_refused(zipped, tmp_path, name):
    """Nothing is written outside, whatever the archive's paths say."""
    with pytest.raises(DataError, match="leads out of its folder"):
        archives.unpack_pictures(zipped((name, b"x")), tmp_path / "deep" / "out")

    assert {"set.zip"} == set(unpacked(tmp_path))


def test_a_link_is_refused(zipped, tmp_path):
    """A link in an archive may point anywhere."""
    link = zipfile.ZipInfo("set/link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16

    with pytest.raises(DataError, match="leads out"):
        archives.unpack_pictures(zipped((link, "/etc/passwd")), tmp_path / "out")


def test_a_bomb_is_refused(zipped, tmp_path):
    """Bytes are counted as they come out, and files before they are."""
    archive = zipped(*((f"set/{n}.png", bytes(600)) for n in range(3)))

    with pytest.raises(DataError, match="1,000 bytes"):
        archives.unpack_pictures(archive, tmp_path / "out", max_bytes=1000)
    with pytest.raises(DataError, match="3 pictures"):
        archives.unpack_pictures(archive, tmp_path / "out", max_files=2)


def test_a_broken_archive_is_refused_in_words(zipped, tmp_path):
    """Cut short, damaged within, or no archive at all."""
    archive = zipped(("set/1.png", b"x" * 5000))
    whole = archive.read_bytes()
    for content in (whole[:2000], whole.replace(b"xxxx", b"xxxy", 1), b"<html>sign in</html>"):
        archive.write_bytes(content)
        with pytest.raises(DataError, match=r"set\.zip is not a zip archive"):
            archives.unpack_pictures(archive, tmp_path / "out")


def test_idx_files_become_arrays(tmp_path):
    """Header: two zeros, type 8, rank, dimensions; then the values, row by row."""
    values = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    (tmp_path / "x.gz").write_bytes(gzip.compress(struct.pack(">HBB3I", 0, 8, 3, *values.shape) + values.tobytes()))

    assert np.array_equal(values, archives.read_idx(tmp_path / "x.gz"))


@pytest.mark.parametrize(
    "content",
    [
        b"not gzip",
        gzip.compress(b"\0\0"),
        gzip.compress(struct.pack(">HBBI", 0, 8, 1, 9) + b"short"),
        gzip.compress(struct.pack(">HBBI", 0, 0x0D, 1, 1) + b"\0\0\0\0"),
        gzip.compress(bytes(100))[:-20],
    ],
    ids=["no gzip", "header cut short", "values cut short", "another type", "gzip cut short"],  # gzip holds the time
)
def test_what_is_no_idx_file_is_refused_in_words(tmp_path, content):
    """The message names the file."""
    (tmp_path / "x.gz").write_bytes(content)

    with pytest.raises(DataError, match=r"x\.gz is not a"):
        archives.read_idx(tmp_path / "x.gz")


def test_a_png_file_holds_the_pixels_and_never_varies():
    """Other decoders read it; its bytes follow from the format alone, not from a compressor's version."""
    grey = np.random.default_rng(1).integers(0, 256, (28, 30), np.uint8)
    encoded = archives.write_png(grey)
    with Image.open(io.BytesIO(encoded)) as image:
        assert ("L", (30, 28)) == (image.mode, image.size)
        assert np.array_equal(grey, np.array(image))

    assert np.array_equal(np.stack([grey] * 3, axis=2), to_tensor(encoded, 28, 30))
    assert 8 + 25 + 12 + 2 + 5 + 28 * 31 + 4 + 12 == len(encoded)
