"""Rules of what is read of a picture file before any decoder sees it."""

import contextlib
import struct

import pytest
from PIL import Image

from gateway import formats
from gateway.formats import Broken
from gateway.formats.exif import orientation
from tests.hostile.pictures import files
from tests.unit.gateway.drawn import corners, encode

SECRET = b"Jane Doe, 52.5200 N 13.4050 E"


@pytest.mark.parametrize("name", formats.NAMES)
def test_name_and_size(name):
    """Format and size are known by the file's own structure, and the format by its first 64 bytes."""
    data = encode(corners(), name)
    header = formats.read(data)
    assert (name, 64, 48) == (header.format, header.width, header.height)
    assert name == formats.name_of(data[:64])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"RIFF\x24\0\0\0WAVEfmt ",
        b"RIFF\x24\0\0\0AVI LIST",
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
        b"\0\0\0\x18ftypmp42\0\0\0\0mp41isom",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    ],
)
def test_other_formats(data):
    """What shares a container with a picture that is accepted is none: sound, film, HEIC."""
    assert None is formats.read(data)


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "GIF"])
def test_notes_fall_away(name):
    """A decoder is not given what pixels do not need: names, places, comments, profiles, further frames."""
    options = {
        "JPEG": {"comment": SECRET, "icc_profile": SECRET, "exif": b"Exif\0\0" + files.tiff([], rest=SECRET)},
        "PNG": {"icc_profile": SECRET, "exif": b"Exif\0\0" + files.tiff([], rest=SECRET)},
        "WEBP": {"icc_profile": SECRET, "xmp": SECRET, "exif": b"Exif\0\0" + files.tiff([], rest=SECRET)},
        "GIF": {"comment": SECRET},
    }[name]
    data = encode(corners(), name, **options)
    if name != "GIF":
        assert len(data) > len(encode(corners(), name)) + len(SECRET)
    assert SECRET not in formats.read(data).data
    assert len(formats.read(data).data) < len(encode(corners(), name)) + 64


def test_notes_of_an_avif_are_unknown_to_its_decoder():
    """EXIF and XMP in an AVIF keep their places, by which items are found, but lose their names."""
    data = encode(corners(), "AVIF", exif=b"Exif\0\0" + files.tiff([], rest=SECRET), xmp=SECRET)
    assert b"ExifExif\0" in data  # an item's kind, and its name
    header = formats.read(data).data
    assert b"freeExif\0" in header
    assert b"mime" in data
    assert b"mimeXMP\0" not in header


def test_weight():
    """A pixel weighs more where decoders take more memory or time of it."""
    weights = {
        "JPEG": formats.read(encode(corners(100, 100), "JPEG")).weight,
        "scans": formats.read(encode(corners(100, 100), "JPEG", progressive=True)).weight,
        "PNG": formats.read(encode(corners(100, 100))).weight,
        "AVIF": formats.read(encode(corners(100, 100), "AVIF")).weight,
    }
    assert {"JPEG": 10_000, "scans": 20_000, "PNG": 20_000, "AVIF": 40_000} == weights


def test_components_in_scans_of_their_own():
    """A JPEG that is not progressive but has several scans costs as much as one that is."""
    jpeg = encode(corners(100, 100), "JPEG", subsampling=0)
    at = jpeg.index(b"\xff\xda")
    alone = jpeg[:at] + files.segment(0xDA, b"\1\1\0\0\x3f\0") + jpeg[at + 14 :]
    assert 20_000 == formats.read(alone).weight


def test_scans_between_which_an_end_is_hidden():
    """What looks like the end inside a comment does not hide the scans behind it."""
    jpeg = encode(corners(), "JPEG", progressive=True)
    at = jpeg.rindex(b"\xff\xda")
    with pytest.raises(Broken, match="scans"):
        formats.read(jpeg[:at] + files.segment(0xFE, b"\xff\xd9") + jpeg[at:-2] * 64 + jpeg[-2:])


def test_frames_within_an_avif_count():
    """Frames that an AV1 stream holds beyond the one that is shown are paid for."""
    tile = encode(Image.new("RGB", (128, 128)), "AVIF")
    stream, _ = files.av1_item(tile)
    assert 4 * 128 * 128 == formats.read(files.grid(tile, 1, 1, 128)).weight
    assert 9 * 4 * 128 * 128 == formats.read(files.grid(files.with_stream(tile, stream * 9), 1, 1, 128)).weight


def test_avif_that_lies_about_its_size():
    """The size in the AV1 stream counts, not only what the container says."""
    data = encode(Image.new("RGB", (800, 600)), "AVIF")
    at = data.index(b"ispe") + 8
    assert 4 * 800 * 600 == formats.read(data[:at] + struct.pack(">LL", 64, 64) + data[at + 8 :]).weight


def test_tiles_that_share_their_bytes():
    """Tiles of one and the same bytes are paid for each."""
    tile = encode(Image.new("RGB", (64, 64)), "AVIF")
    stream, _ = files.av1_item(tile)
    padding = b"\x7a\xd0\xbb\x1b" + b"\0" * 450_000  # an AV1 unit that says nothing
    data = files.grid(files.with_stream(tile, stream + padding), 8, 8, 64)
    assert 50_000_000 < formats.read(data).weight


def test_chunk_that_is_empty():
    """A part that ends before what it should hold is a broken file; found by `make fuzz`."""
    pixels = files.riff_chunks(encode(corners(), "WEBP"))
    with pytest.raises(Broken):
        formats.read(files.riff(*pixels, (b"VP8X", b"")))


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [(3, 6, 6), (3, 0, 1), (3, 9, 1), (4, 8, 8), (9, 3, 3), (2, 6, 1), (5, 6, 1), (7, 6, 1)],
)
def test_exif(order, kind, value, expected):
    """The orientation is a whole number from 1 to 8; anything else is none."""
    packed = struct.pack(order + ("HH" if kind == 3 else "L"), *([value, 0] if kind == 3 else [value]))
    assert expected == orientation(b"Exif\0\0" + files.tiff([(0x0112, kind, 1, packed)], order), b"")


@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\0\0",
        b"MM\0*\xff\xff\xff\xff",
        b"II*\0\x08\0\0\0\xff\xff",
        b"PK\3\4" + b"\0" * 99,
        files.tiff([(0x0112, 3, 2**31, b"\xff\xff\xff\xff")]),
        files.tiff([(0x0112, 3, 0, b"\6\0\0\0")]),
    ],
)
def test_broken_exif(exif):
    """Broken EXIF turns nothing."""
    assert 1 == orientation(exif, b"")


def test_exif_goes_before_xmp():
    """XMP speaks where EXIF is silent."""
    xmp = b'<rdf:Description tiff:Orientation="6"/>'
    assert 6 == orientation(b"", xmp)
    assert 6 == orientation(files.tiff([]), xmp)
    assert 3 == orientation(files.orientation_tiff(3), xmp)
    assert 1 == orientation(b"", b"<tiff:Orientation>9</tiff:Orientation>")


@pytest.mark.parametrize("name", formats.NAMES)
def test_cut_anywhere(name):
    """A file that is cut anywhere is read, found broken, or none: nothing else is raised."""
    data = encode(corners(24, 16), name)
    for end in range(len(data)):
        with contextlib.suppress(Broken):
            formats.read(data[:end])
