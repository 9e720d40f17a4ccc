"""Rules of the project's only decoder and resizer."""

import contextlib
import hashlib
import io
import random
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gateway import pictures
from gateway.pictures import NotAPicture, PictureError, PictureTooLarge, UndecodablePicture, to_tensor
from gateway.places import Places
from tests.unit.gateway.drawn import corners, encode

RED, GREEN, BLUE, YELLOW = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)
WHITE, BLACK = (255, 255, 255), (0, 0, 0)


def quarters(tensor):
    """Give the middles of the four quarters."""
    height, width = tensor.shape[:2]
    return [tuple(tensor[y, x].tolist()) for y in (height // 4, 3 * height // 4) for x in (width // 4, 3 * width // 4)]


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def test_tensor_is_frozen():
    """The same picture gives the same bytes for ever: a changed resizer would change every model's accuracy."""
    rng = np.random.default_rng(7)
    image = Image.fromarray(rng.integers(0, 256, (311, 457, 3), dtype=np.uint8))
    shrunk = to_tensor(encode(image), 32, 48)
    assert (32, 48, 3) == shrunk.shape
    assert "d598449d4538984a" == hashlib.sha256(shrunk.tobytes()).hexdigest()[:16]
    grown = to_tensor(encode(image.crop((0, 0, 9, 7))), 32, 48)
    assert "7ead27ab24324807" == hashlib.sha256(grown.tobytes()).hexdigest()[:16]


@pytest.mark.parametrize("file_format", pictures.FORMATS)
def test_every_format_comes_out_the_same(file_format):
    """The six formats give the same picture, stretched to the size asked for."""
    tensor = to_tensor(encode(corners(), file_format), 20, 40)
    assert (20, 40, 3) == tensor.shape
    assert np.uint8 == tensor.dtype
    for expected, actual in zip((RED, GREEN, BLUE, YELLOW), quarters(tensor), strict=True):
        np.testing.assert_allclose(actual, expected, atol=12)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_exif_orientation_is_applied(orientation, file_format):
    """A picture stored turned or mirrored comes out upright."""
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = corners(640, 480).transpose(undo[orientation]) if orientation > 1 else corners(640, 480)
    exif = Image.Exif()
    exif[0x0112] = orientation
    tensor = to_tensor(encode(stored, file_format, exif=exif), 30, 40)
    for expected, actual in zip((RED, GREEN, BLUE, YELLOW), quarters(tensor), strict=True):
        np.testing.assert_allclose(actual, expected, atol=12)


def test_broken_exif_is_ignored():
    """Broken EXIF is no reason to refuse a picture's pixels."""
    assert (8, 8, 3) == to_tensor(encode(corners(), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff"), 8, 8).shape


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.new("RGBA", (9, 9), (255, 0, 0, 0)), WHITE),
        (Image.new("RGBA", (9, 9), (255, 0, 0, 255)), RED),
        (Image.new("RGBA", (9, 9), (0, 0, 0, 128)), (127, 127, 127)),
        (Image.new("LA", (9, 9), (0, 0)), WHITE),
        (Image.new("1", (9, 9), 1), WHITE),
        (Image.new("L", (9, 9), 77), (77, 77, 77)),
        (Image.fromarray(np.full((9, 9), 0x8000, np.uint16)), (128, 128, 128)),
        (Image.fromarray(np.full((9, 9), 0xFFFF, np.uint16)), WHITE),
        (Image.fromarray(np.full((9, 9), 0x00FF, np.uint16)), BLACK),
    ],
    ids=lambda value: getattr(value, "mode", None),
)
def test_modes(image, expected):
    """Alpha lies over white, grey of 1, 8 and 16 bits keeps its brightness."""
    np.testing.assert_array_equal(to_tensor(encode(image), 4, 4), np.broadcast_to(expected, (4, 4, 3)))


def test_palette_with_transparency():
    """A palette's transparent entry lies over white; the others have the palette's colours."""
    image = Image.new("P", (8, 8), 0)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.paste(1, (0, 4, 8, 8))
    tensor = to_tensor(encode(image, transparency=0), 8, 8)
    assert (WHITE, BLUE) == (tuple(tensor[0, 0].tolist()), tuple(tensor[7, 7].tolist()))


def test_transparent_grey_of_16_bits():
    """The one transparent shade of a 16-bit grey PNG lies over white."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 2, 16, 0, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"\0\x12\x34\0\x40\0"))
    data = b"\x89PNG\r\n\x1a\n" + header + chunk(b"tRNS", b"\x12\x34") + pixels + chunk(b"IEND", b"")
    assert [[255], [64]] == to_tensor(data, 2, 1)[:, :, 0].tolist()


def test_cmyk():
    """A CMYK JPEG comes out in its colours, not inverted."""
    tensor = to_tensor(encode(Image.new("CMYK", (64, 64), (0, 255, 255, 0)), "JPEG"), 4, 4)
    np.testing.assert_allclose(tensor[0, 0], RED, atol=12)


def test_first_frame_of_an_animation():
    """An animation stands for its first frame."""
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    for file_format in ("GIF", "PNG", "WEBP", "AVIF"):
        data = encode(frames[0], file_format, save_all=True, append_images=frames[1:])
        np.testing.assert_allclose(to_tensor(data, 2, 2)[0, 0], RED, atol=3)


def test_multi_picture_jpeg():
    """What many telephones write, a JPEG with a second picture behind it, stands for the first."""
    frames = [Image.new("RGB", (800, 600), colour) for colour in ("red", "blue")]
    data = encode(frames[0], "MPO", save_all=True, append_images=frames[1:])
    np.testing.assert_allclose(to_tensor(data, 2, 2)[0, 0], RED, atol=3)


def test_reading_a_jpeg_at_a_fraction_does_not_show():
    """A large JPEG, decoded at a fraction of its size, gives nearly what all its pixels give."""
    y, x = np.mgrid[0:1200, 0:1600]
    waves = np.stack([127 + 120 * np.sin(x / 37 + y / 91), 127 + 120 * np.cos(y / 53), (x + y) / 11 % 256], axis=2)
    data = encode(Image.fromarray(waves.astype(np.uint8)), "JPEG", quality=95)
    with Image.open(io.BytesIO(data)) as image:
        whole = np.asarray(image.convert("RGB").resize((100, 75), Image.Resampling.BICUBIC))
    assert 2.0 > np.abs(whole.astype(int) - to_tensor(data, 75, 100)).mean()


@pytest.mark.parametrize("data", [b"", b"hello", b"<svg/>", b"%PDF-1.7", b"\0" * 1000, b"II*\0" + b"\0" * 50])
def test_not_a_picture(data):
    """Bytes in none of the six formats are not a picture, TIFF included."""
    with pytest.raises(NotAPicture):
        to_tensor(data, 8, 8)


@pytest.mark.parametrize("file_format", pictures.FORMATS)
def test_truncated(file_format):
    """A picture that is cut short is refused, not answered from the part that is there."""
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    data = encode(noise, file_format)
    with pytest.raises(UndecodablePicture):
        to_tensor(data[: len(data) // 2], 8, 8)


def test_bomb_is_refused_by_its_header():
    """A small file that unpacks to far too many pixels is refused before any pixel."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 30000, 30000, 8, 2, 0, 0, 0))
    data = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    with pytest.raises(PictureTooLarge):
        to_tensor(data, 8, 8)


@pytest.mark.parametrize(
    ("file_format", "options", "share"),
    [
        ("JPEG", {}, 1),
        ("JPEG", {"progressive": True}, 2),
        ("PNG", {}, 2),
        ("GIF", {}, 2),
        ("BMP", {}, 2),
        ("WEBP", {}, 4),
        ("AVIF", {}, 4),
    ],
)
def test_pixel_limit(file_format, options, share):
    """The limit counts in pixels of a baseline JPEG; other formats may have a half or a quarter of them."""
    data = encode(corners(100, 100), file_format, **options)
    assert (8, 8, 3) == to_tensor(data, 8, 8, max_pixels=10_000 * share).shape
    with pytest.raises(PictureTooLarge):
        to_tensor(data, 8, 8, max_pixels=10_000 * share - 1)


def test_too_many_scans():
    """A progressive JPEG with more scans than encoders write would take minutes: it is refused."""
    data = encode(corners(), "JPEG", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    assert (8, 8, 3) == to_tensor(data[:-2] + last * 30 + data[-2:], 8, 8).shape
    with pytest.raises(UndecodablePicture):
        to_tensor(data[:-2] + last * 64 + data[-2:], 8, 8)


def test_scans_of_what_stands_behind_do_not_count():
    """A film behind a telephone's progressive JPEG is not part of it."""
    data = encode(corners(), "JPEG", progressive=True)
    assert np.array_equal(to_tensor(data, 8, 8), to_tensor(data + b"\xff\xda\0\2" * 999, 8, 8))


@pytest.mark.parametrize("file_format", pictures.FORMATS)
def test_mangled_files_raise_nothing_else(file_format):
    """Whatever is wrong with a file, it is a PictureError, or a tensor of the size asked for."""
    rng = random.Random(file_format)
    whole = encode(corners(40, 30), file_format)
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 8)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        with contextlib.suppress(PictureError):
            assert (8, 8, 3) == to_tensor(bytes(data[: rng.randint(1, len(data))]), 8, 8).shape


def test_larger_than_all_places():
    """A picture that needs more places than there are is refused, not waited for."""
    with pytest.raises(PictureTooLarge):
        to_tensor(encode(Image.new("1", (2100, 2000))), 8, 8, places=Places(1))


def test_places_are_given_back():
    """A picture that cannot be decoded holds no place."""
    places = Places(1)
    for data in [encode(corners())[:100], encode(corners())] * 3:
        with contextlib.suppress(UndecodablePicture):
            to_tensor(data, 8, 8, places=places)


def test_no_side_beyond_all_formats():
    """A row of a million pixels is refused: it costs more memory than as many pixels in a square."""
    for size in ((65_536, 1), (1, 65_536)):
        with pytest.raises(PictureTooLarge):
            to_tensor(encode(Image.new("1", size)), 8, 8)


def test_needs_nothing_of_the_web():
    """Training imports the decoder without Flask or gRPC."""
    program = "import sys, gateway.pictures; print(sorted({'flask', 'grpc', 'werkzeug'} & set(sys.modules)))"
    apps = Path(pictures.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", program], cwd=apps, capture_output=True, text=True, check=True)
    assert "[]" == done.stdout.strip()
