"""Small files that cost much to open, each drawn when it is asked for: none is kept in the repository.

`BOMBS` maps a sentence about each to what draws it. The limits that they stand at are the gateway's defaults: 10 MiB a
file, 50 million pixels of a baseline JPEG, a half or a quarter of that for others. A long file, because
it is a list: each function is one bomb and needs no other.
"""

import functools
import itertools
import struct
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFile

from tests.hostile.pictures import files
from tests.hostile.pictures.files import chunk, encode, ihdr

FILE_BYTES = 10 * 2**20
ImageFile.MAXBLOCK = 2**26  # what Pillow lets a JPEG's encoder write at once; noise needs more than it expects
BOMBS: dict[str, Callable[[], bytes]] = {}


def bomb(draw: Callable[[], bytes]) -> Callable[[], bytes]:
    """Enter a bomb under its docstring."""
    BOMBS[draw.__doc__] = draw
    return draw


def _squeezed(row: bytes, rows: int) -> bytes:
    """Compress a row that comes again and again, without holding them all."""
    packer = zlib.compressobj(6)
    block = row * max(1, 2**20 // len(row))
    times, left = divmod(rows, len(block) // len(row))
    return b"".join(packer.compress(block) for _ in range(times)) + packer.compress(row * left) + packer.flush()


def _png(width: int, height: int, depth: int, colour: int, row: bytes, *, before=b"", after=b""):
    header = ihdr(width, height, depth, colour)
    pixels = chunk(b"IDAT", _squeezed(row, height))
    return files.PNG_SIGNATURE + header + before + pixels + after + chunk(b"IEND")


@functools.cache
def _gigabyte() -> bytes:
    return _squeezed(b"\0" * 2**20, 1024)


@functools.cache
def _noise(width: int, height: int, channels: int = 3) -> Image.Image:
    return Image.fromarray(np.random.default_rng(1).integers(0, 256, (height, width, channels), dtype=np.uint8))


@functools.cache
def _plain(width: int, height: int, mode: str = "RGB") -> Image.Image:
    return Image.new(mode, (width, height))


# PNG


@bomb
def png_header():
    """PNG: says 30,000 x 30,000."""
    return files.PNG_SIGNATURE + ihdr(30_000, 30_000, 8, files.RGB) + chunk(b"IDAT", _squeezed(b"\0" * 999, 9))


@bomb
def png_two_colours():
    """PNG: 65,535 x 65,535 of one bit each."""
    header = ihdr(65_535, 65_535, 1, files.GREY)
    return files.PNG_SIGNATURE + header + chunk(b"IDAT", _squeezed(b"\0" * 8193, 5000)) + chunk(b"IEND")


@bomb
def png_largest():
    """PNG: the largest with alpha."""
    return _png(5000, 5000, 8, files.RGBA, b"\0" + b"\x80" * 20_000)


@bomb
def png_paeth():
    """PNG: the largest, each row by the dearest filter."""
    return _png(5000, 5000, 8, files.RGBA, b"\4" + bytes(range(200)) * 100)


@bomb
def png_16_bits():
    """PNG: the largest, with alpha, of 16 bits."""
    return _png(5000, 2500, 16, files.RGBA, b"\2" + bytes(range(250)) * 160)


@bomb
def png_paeth_16_bits():
    """PNG: the largest, with alpha, of 16 bits, each row by the dearest filter."""
    return _png(5000, 2500, 16, files.RGBA, b"\4" + bytes(range(250)) * 160)


@bomb
def png_grey_16_bits():
    """PNG: the largest, grey of 16 bits, one shade transparent."""
    return _png(5000, 5000, 16, files.GREY, b"\0" + b"\x12\x34" * 5000, before=chunk(b"tRNS", b"\x12\x34"))


@bomb
def png_interlaced():
    """PNG: the largest, interlaced."""
    rows = [(-(-(5000 - x) // dx), -(-(5000 - y) // dy)) for x, y, dx, dy in files.PASSES]
    packer = zlib.compressobj(6)
    packed = b"".join(packer.compress((b"\1" + b"\x80" * 4 * columns) * lines) for columns, lines in rows)
    header = ihdr(5000, 5000, 8, files.RGBA, interlaced=True)
    return files.PNG_SIGNATURE + header + chunk(b"IDAT", packed + packer.flush()) + chunk(b"IEND")


@bomb
def png_palette():
    """PNG: the largest, of a palette with many alphas."""
    parts = chunk(b"PLTE", bytes(range(256)) * 3) + chunk(b"tRNS", bytes(range(256)))
    return _png(5000, 5000, 8, files.PALETTE, b"\0" + bytes(range(250)) * 20, before=parts)


@bomb
def png_transparent_colour():
    """PNG: the largest, RGB with a transparent colour."""
    return _png(5000, 5000, 8, files.RGB, b"\0" + b"\x80" * 15_000, before=chunk(b"tRNS", b"\0\x80" * 3))


@bomb
def png_wide():
    """PNG: one row of 25 million pixels."""
    return _png(25_000_000, 1, 8, files.RGBA, b"\0" + b"\x80" * 100_000_000)


@bomb
def png_tall():
    """PNG: one column of 25 million pixels."""
    return _png(1, 25_000_000, 8, files.RGBA, b"\0" + b"\x80" * 4)


@bomb
def png_goes_on():
    """PNG: a gigabyte of pixels behind the last row."""
    header = ihdr(64, 64, 8, files.RGB)
    return files.PNG_SIGNATURE + header + chunk(b"IDAT", _gigabyte()) + chunk(b"IEND")


@bomb
def png_profile():
    """PNG: a colour profile of a gigabyte."""
    return _small_png(chunk(b"iCCP", b"x\0\0" + _gigabyte()))


@bomb
def png_texts():
    """PNG: a hundred notes that each become a megabyte."""
    note = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"\0" * 2**20))
    return _small_png(note * 100)


@bomb
def png_xmp():
    """PNG: XMP that becomes a gigabyte, three times."""
    return _small_png(chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + _gigabyte()) * 3)


@bomb
def png_many_xmp():
    """PNG: ten thousand XMPs that each become a megabyte."""
    return _small_png(chunk(b"zTXt", b"XML:com.adobe.xmp\0\0" + zlib.compress(b"\0" * 2**20)) * 9_500)


@bomb
def png_many_profiles():
    """PNG: ten thousand profiles that each become a megabyte."""
    return _small_png(chunk(b"iCCP", b"x\0\0" + zlib.compress(b"\0" * 2**20)) * 9_500)


@bomb
def png_exif_text():
    """PNG: EXIF in hexadecimal digits, ten megabytes of them."""
    return _small_png(chunk(b"tEXt", b"Raw profile type exif\0\nexif\n9\n" + b"0a" * (FILE_BYTES // 2 - 999)))


@bomb
def png_empty_chunks():
    """PNG: 800,000 empty chunks."""
    return _small_png(chunk(b"abCd") * 800_000)


@bomb
def png_empty_pixels():
    """PNG: 800,000 empty chunks of pixels."""
    return files.PNG_SIGNATURE + ihdr(64, 64, 8, files.RGB) + chunk(b"IDAT") * 800_000 + chunk(b"IEND")


@bomb
def png_long_chunk():
    """PNG: a chunk that says it has two gigabytes."""
    return files.PNG_SIGNATURE + ihdr(64, 64, 8, files.RGB) + struct.pack(">L4s", 2**31 - 1, b"teXt") + b"\0" * 999


@bomb
def png_exif():
    """PNG: EXIF whose 60,000 entries each are the whole file."""
    entries = ((tag, 7, 9_000_000, struct.pack("<L", 8)) for tag in range(60_000) if tag != 0x0112)
    return _small_png(chunk(b"eXIf", files.tiff(entries, rest=b"\0" * 9_000_000)))


@bomb
def png_frames():
    """PNG: an animation of 100,000 frames."""
    frame = struct.pack(">LLLLHHBB", 64, 64, 0, 0, 1, 100, 1, 0)
    numbers = itertools.count()
    still = chunk(b"acTL", struct.pack(">LL", 100_001, 0)) + chunk(b"fcTL", struct.pack(">L", next(numbers)) + frame)
    packed = zlib.compress(bytes(193 * 64))
    more = b"".join(
        chunk(b"fcTL", struct.pack(">L", next(numbers)) + frame)
        + chunk(b"fdAT", struct.pack(">L", next(numbers)) + packed)
        for _ in range(100_000)
    )
    return _small_png(still, more)


def _small_png(before: bytes, after: bytes = b"") -> bytes:
    return _png(64, 64, 8, files.RGB, b"\0" * 193, before=before, after=after)


# JPEG


def _with_size(jpeg: bytes, width: int, height: int) -> bytes:
    """Change what a JPEG's first frame header says of its size."""
    at = min(at for kind in (0xC0, 0xC1, 0xC2) if (at := jpeg.find(bytes([0xFF, kind]))) > 0)
    return jpeg[: at + 5] + struct.pack(">HH", height, width) + jpeg[at + 9 :]


def _scans(jpeg: bytes, times: int) -> bytes:
    """Put a JPEG's last scan in again and again."""
    at = jpeg.rindex(b"\xff\xda")
    return jpeg[:-2] + jpeg[at:-2] * times + jpeg[-2:]


@bomb
def jpeg_header():
    """JPEG: says 65,500 x 65,500."""
    return _with_size(encode(_plain(64, 64), "JPEG"), 65_500, 65_500)


@bomb
def jpeg_largest():
    """JPEG: the largest, of one colour."""
    return encode(_plain(7071, 7071), "JPEG", subsampling=0)


@bomb
def jpeg_narrow():
    """JPEG: the largest that cannot be decoded at a fraction of its size."""
    return encode(_plain(65_500, 760), "JPEG", subsampling=0)


@bomb
def jpeg_dense():
    """JPEG: ten megabytes of noise that cannot be decoded at a fraction of their size."""
    return encode(_noise(9_400, 400), "JPEG", quality=96, subsampling=0)


@bomb
def jpeg_progressive():
    """JPEG: the largest progressive one."""
    return encode(_plain(5000, 5000), "JPEG", progressive=True, subsampling=0)


@bomb
def jpeg_progressive_noise():
    """JPEG: ten megabytes of progressive noise."""
    return encode(_noise(2600, 1400), "JPEG", progressive=True, quality=90, subsampling=0)[:FILE_BYTES]


@bomb
def jpeg_progressive_ink():
    """JPEG: the largest progressive one in CMYK."""
    return encode(_plain(3535, 3535, "CMYK"), "JPEG", progressive=True, subsampling=0)


@bomb
def jpeg_many_scans():
    """JPEG: the largest progressive one with sixty scans."""
    return _scans(encode(_plain(2600, 2600), "JPEG", progressive=True, subsampling=0), 50)


@bomb
def jpeg_more_scans():
    """JPEG: the largest progressive one, with a thousand scans."""
    return _scans(jpeg_progressive(), 1000)


@bomb
def jpeg_scans_of_a_baseline():
    """JPEG: not progressive, its components in scans of their own, a hundred of them."""
    jpeg = encode(_plain(1000, 1000), "JPEG", subsampling=0)
    at = jpeg.index(b"\xff\xda")
    length = struct.unpack_from(">H", jpeg, at + 2)[0]
    scan = files.segment(0xDA, b"\1\1\0\0\x3f\0") + jpeg[at + 2 + length : -2]
    return jpeg[:at] + scan * 100 + jpeg[-2:]


@bomb
def jpeg_comments():
    """JPEG: 2.6 million empty comments."""
    return files.with_segments(encode(_plain(64, 64), "JPEG"), files.segment(0xFE) * 2_600_000)


@bomb
def jpeg_fill():
    """JPEG: ten megabytes of fill bytes before the first marker."""
    jpeg = encode(_plain(64, 64), "JPEG")
    return jpeg[:2] + b"\xff" * (FILE_BYTES - len(jpeg)) + jpeg[2:]


@bomb
def jpeg_fill_to_the_end():
    """JPEG: nothing but fill bytes."""
    return b"\xff\xd8" + b"\xff" * (FILE_BYTES - 3) + b"\0"


@bomb
def jpeg_restarts_before():
    """JPEG: five million restart markers before the first segment."""
    jpeg = encode(_plain(64, 64), "JPEG")
    return jpeg[:2] + b"\xff\xd0" * 5_000_000 + jpeg[2:]


@bomb
def jpeg_zeros():
    """JPEG: ten megabytes of nothing where the first marker should be."""
    return b"\xff\xd8\xff" + b"\0" * (FILE_BYTES - 3)


@bomb
def jpeg_stuffing():
    """JPEG: progressive, a scan of ten megabytes of stuffed bytes."""
    jpeg = encode(_plain(4000, 4000), "JPEG", progressive=True)
    return (jpeg[:-2] + b"\xff\0" * (FILE_BYTES // 2))[: FILE_BYTES - 2] + jpeg[-2:]


@bomb
def jpeg_markers():
    """JPEG: progressive, a million segments between its scans."""
    jpeg = encode(_plain(64, 64), "JPEG", progressive=True)
    at = jpeg.rindex(b"\xff\xda")
    return jpeg[:at] + files.segment(0xFE) * 1_000_000 + jpeg[at:]


@bomb
def jpeg_tables():
    """JPEG: 150 megabytes' worth of Huffman tables."""
    jpeg = encode(_plain(64, 64), "JPEG")
    return files.with_segments(jpeg, files.segment(0xC4, b"\0" + b"\0" * 16) * 500_000)


@bomb
def jpeg_quantization():
    """JPEG: 160,000 tables of quantization."""
    table = files.segment(0xDB, (b"\0" + b"\1" * 64) * 1000)
    return files.with_segments(encode(_plain(64, 64), "JPEG"), table * 160)


@bomb
def jpeg_exif():
    """JPEG: EXIF in 150 segments, each entry of it the whole."""
    entries = ((tag, 7, 60_000, struct.pack("<L", 8)) for tag in range(60_000) if tag != 0x0112)
    body = files.tiff(entries, rest=b"\0" * 8_000_000)
    parts = [files.segment(0xE1, b"Exif\0\0" + body[at : at + 65_000]) for at in range(0, len(body), 65_000)]
    return files.with_segments(encode(_plain(64, 64), "JPEG"), *parts)


@bomb
def jpeg_arithmetic():
    """JPEG: ten megabytes of noise, arithmetically coded."""
    jpeg = encode(_plain(5000, 5000), "JPEG", subsampling=0).replace(b"\xff\xc0", b"\xff\xc9", 1)
    at = jpeg.index(b"\xff\xda")
    noise = np.random.default_rng(1).integers(0, 255, FILE_BYTES - 999, dtype=np.uint8).tobytes()  # no 0xff in it
    return jpeg[: at + 2 + struct.unpack_from(">H", jpeg, at + 2)[0]] + noise + jpeg[-2:]


@bomb
def jpeg_lossless():
    """JPEG: says it is lossless, and the largest."""
    jpeg = encode(_plain(5000, 5000), "JPEG", subsampling=0)
    return jpeg.replace(b"\xff\xc0", b"\xff\xc3", 1)


@bomb
def jpeg_thin_samples():
    """JPEG: the largest, each component sampled as sparsely as can be."""
    jpeg = bytearray(encode(_plain(7071, 7071), "JPEG", subsampling=0))
    at = jpeg.index(b"\xff\xc0")
    jpeg[at + 11], jpeg[at + 14], jpeg[at + 17] = 0x44, 0x11, 0x11
    return bytes(jpeg)


@bomb
def jpeg_restarts():
    """JPEG: the largest, a restart after each block."""
    return encode(_plain(5000, 3000), "JPEG", subsampling=0, restart_marker_blocks=1)


# GIF


def _gif(width: int, height: int, frame: tuple[int, int], before: bytes = b"", after: bytes = b"") -> bytes:
    image = encode(_plain(16, 16, "L"), "GIF")
    at = image.rindex(b",", 0, len(image))
    screen = b"GIF89a" + struct.pack("<HHBBB", width, height, 0, 0, 0)
    return screen + before + image[at : at + 5] + struct.pack("<HH", *frame) + image[at + 9 : -1] + after + b";"


@bomb
def gif_screen():
    """GIF: a screen of 65,535 x 65,535."""
    return _gif(65_535, 65_535, (16, 16))


@bomb
def gif_frame():
    """GIF: a frame of 13,000 x 13,000 that is to be disposed of."""
    return _gif(16, 16, (13_000, 13_000), b"!\xf9\4\x09\0\0\0\0")


@bomb
def gif_largest():
    """GIF: the largest."""
    return encode(_plain(5000, 5000, "L"), "GIF")


@bomb
def gif_largest_noise():
    """GIF: ten megabytes of noise."""
    return encode(_noise(3000, 2600).convert("L"), "GIF")[:FILE_BYTES]


@bomb
def gif_comment():
    """GIF: a comment of five million blocks of one byte."""
    return _gif(16, 16, (16, 16), b"!\xfe" + b"\1x" * 5_000_000 + b"\0")


@bomb
def gif_long_comment():
    """GIF: a comment of ten megabytes."""
    return _gif(16, 16, (16, 16), b"!\xfe" + (b"\xff" + b"x" * 255) * 40_000 + b"\0")


@bomb
def gif_extensions():
    """GIF: two million empty extensions."""
    return _gif(16, 16, (16, 16), b"!\xff\0" * 3_000_000)


@bomb
def gif_comments():
    """GIF: five hundred comments of ten thousand blocks."""
    return _gif(16, 16, (16, 16), (b"!\xfe" + b"\1x" * 10_000 + b"\0") * 500)


@bomb
def gif_junk():
    """GIF: ten megabytes of nothing before the frame."""
    return _gif(16, 16, (16, 16), b"\0" * 10_000_000)


@bomb
def gif_frames():
    """GIF: 200,000 frames."""
    return _gif(16, 16, (16, 16), after=(b",\0\0\0\0\1\0\1\0\0\2\2\x44\1\0") * 600_000)


# BMP


def _rle(width: int, height: int, pixels: bytes) -> bytes:
    return files.bmp(pixels, width, height, 8, coding=1, extra=bytes(range(256)) * 4)


@bomb
def bmp_header():
    """BMP: says 2,147,483,647 pixels wide."""
    return files.bmp(b"\0" * 99, 2**31 - 1, 1, 24)


@bomb
def bmp_largest():
    """BMP: the largest that fits, of one bit."""
    return files.bmp(b"\xaa" * (628 * 5000), 5000, 5000, 1, extra=b"\0\0\xff\0\xff\0\0\0")


@bomb
def bmp_steps():
    """BMP: run-length coded, each step 255 rows."""
    return _rle(5_000_000, 5, b"\0\2\xff\xff" * 1000)


@bomb
def bmp_runs():
    """BMP: run-length coded, five million runs of a pixel."""
    return _rle(2500, 2000, b"\1\7" * 5_000_000)


@bomb
def bmp_small_runs():
    """BMP: run-length coded, the largest, in runs of a pixel."""
    return _rle(1000, 1000, (b"\1\7" * 1000 + b"\0\0") * 1000)


@bomb
def bmp_lines():
    """BMP: run-length coded, empty lines."""
    return _rle(1000, 1000, b"\1\7\0\0" * 2_000_000)


@bomb
def bmp_colours():
    """BMP: says that its palette has four billion colours."""
    data = bytearray(files.bmp(b"\0" * 4096, 64, 64, 8))
    data[46:50] = b"\xff\xff\xff\xff"
    return bytes(data)


# WebP


@bomb
def webp_canvas():
    """WebP: a canvas of 16,384 x 16,384 about a small frame."""
    still = files.riff_chunks(encode(_plain(64, 64), "WEBP"))
    return files.riff((b"VP8X", b"\0\0\0\0" + b"\xff\x3f\0" * 2), *still)


@bomb
def webp_largest():
    """WebP: the largest, lossless."""
    return encode(_plain(3535, 3535), "WEBP", lossless=True, method=0)


@bomb
def webp_noise():
    """WebP: lossless noise, as much as fits."""
    return encode(_noise(1900, 1800), "WEBP", lossless=True, method=0, quality=0)[:FILE_BYTES]


@bomb
def webp_blocks():
    """WebP: the largest, lossless, of coloured blocks."""
    blocks = _noise(505, 505).resize((3535, 3535), Image.Resampling.NEAREST)
    return encode(blocks, "WEBP", lossless=True, method=1, quality=10)


@bomb
def webp_lossy_noise():
    """WebP: lossy noise, as much as fits."""
    return encode(_noise(2400, 2300), "WEBP", method=0, quality=100)


@bomb
def webp_lossy():
    """WebP: the largest, lossy, with alpha."""
    return encode(_plain(3535, 3535, "RGBA"), "WEBP", method=0, quality=0)


@bomb
def webp_frames():
    """WebP: an animation of 150,000 frames."""
    frame = files.riff_chunks(encode(_plain(1, 1), "WEBP", lossless=True))
    body = files.riff(*frame)[12:]
    moving = (b"ANMF", b"\0" * 12 + b"\x64\0\0\0" + body)
    first = [(b"VP8X", b"\2\0\0\0" + b"\0\0\0" * 2), (b"ANIM", b"\0" * 6)]
    return files.riff(*first, *[moving] * 150_000)


@bomb
def webp_chunks():
    """WebP: a million empty chunks."""
    return files.riff(*files.riff_chunks(encode(_plain(16, 16), "WEBP")), *[(b"NOTE", b"")] * 1_000_000)


@bomb
def webp_animated_largest():
    """WebP: the largest animation."""
    return encode(
        _plain(3535, 3535), "WEBP", save_all=True, append_images=[_plain(3535, 3535, "L")], lossless=True, method=0
    )


# AVIF


@functools.cache
def _tile(side: int, *, noise: bool, quality: int = 100) -> bytes:
    image = _noise(side, side) if noise else _plain(side, side)
    return encode(image, "AVIF", quality=quality, subsampling="4:4:4", speed=10, max_threads=1)


@bomb
def avif_header():
    """AVIF: says 30,000 x 30,000."""
    tile = _tile(64, noise=False)
    at = tile.index(b"ispe") + 8
    return tile[:at] + struct.pack(">LL", 30_000, 30_000) + tile[at + 8 :]


@bomb
def avif_lie():
    """AVIF: says 64 x 64 about frames of 3,000 x 3,000."""
    image = encode(_plain(3000, 3000), "AVIF", speed=10)
    at = image.index(b"ispe") + 8
    return image[:at] + struct.pack(">LL", 64, 64) + image[at + 8 :]


@bomb
def avif_largest():
    """AVIF: the largest."""
    return encode(_plain(3520, 3520), "AVIF", speed=10, subsampling="4:4:4")


@bomb
def avif_noise():
    """AVIF: the largest, of noise that is ten megabytes when all its tiles are put together."""
    return files.grid(_tile(512, noise=True, quality=66), 8, 5, 512)


@bomb
def avif_more_noise():
    """AVIF: a megabyte of noise that 36 tiles share."""
    return files.grid(_tile(512, noise=True), 6, 6, 512)


@bomb
def avif_grid():
    """AVIF: 32 x 32 tiles."""
    return files.grid(_tile(64, noise=False), 32, 31, 64)


@bomb
def avif_large_grid():
    """AVIF: 255 x 255 tiles."""
    return files.grid(_tile(64, noise=False), 255, 255, 64)


@bomb
def avif_hidden_frames():
    """AVIF: a thousand frames where one is shown."""
    tile = encode(_plain(2048, 2048), "AVIF", speed=10)
    stream, _ = files.av1_item(tile)
    return files.grid(files.with_stream(tile, stream * 1000), 1, 1, 2048)


@bomb
def avif_extents():
    """AVIF: a thousand items in a thousand pieces each, every piece the whole file."""
    tile = files.grid(_tile(64, noise=False), 32, 31, 64)
    at = tile.index(b"iloc") + 4
    items = b"".join(struct.pack(">HHHH", number, 0, 0, 1000) for number in range(1, 994))
    locations = struct.pack(">BBHBBH", 1, 0, 0, 0, 0, 993) + items
    end = at - 8 + struct.unpack_from(">L", tile, at - 8)[0]
    return tile[:at] + locations.ljust(end - at, b"\0") + tile[end:] + b"\0" * 9_000_000


@bomb
def avif_items():
    """AVIF: a million items that are nowhere."""
    tile = _tile(64, noise=False)
    at = tile.index(b"meta") + 8
    nowhere = files.box(b"iloc", struct.pack(">BBHBBL", 2, 0, 0, 0, 0, 1_000_000) + b"\0" * 10_000_000)
    length = struct.unpack_from(">L", tile, at - 12)[0] + len(nowhere)
    old = tile[at:].replace(b"iloc", b"free", 1)
    return tile[: at - 12] + struct.pack(">L", length) + tile[at - 8 : at] + nowhere + old


@bomb
def avif_shared():
    """AVIF: a thousand tiles that share nine megabytes."""
    stream, _ = files.av1_item(_tile(64, noise=False))
    padding = b"\x7a\x80\x80\x80\x04" + b"\0" * 2**23  # a unit of padding
    return files.grid(files.with_stream(_tile(64, noise=False), stream + padding), 32, 31, 64)


@bomb
def avif_units():
    """AVIF: a thousand tiles of a million empty units each."""
    stream, _ = files.av1_item(_tile(64, noise=False))
    return files.grid(files.with_stream(_tile(64, noise=False), stream + b"\x7a\0" * 4_000_000), 32, 31, 64)


@bomb
def avif_few_units():
    """AVIF: a thousand tiles of sixty units each."""
    stream, _ = files.av1_item(_tile(64, noise=False))
    return files.grid(files.with_stream(_tile(64, noise=False), stream + b"\x7a\0" * 60), 32, 31, 64)


@bomb
def avif_properties():
    """AVIF: four thousand lists of properties."""
    tile = _tile(64, noise=False)
    at = tile.index(b"iprp") + 4
    extra = files.box(b"ipco", files.box(b"free") * 300) * 4000
    return (
        tile[: at - 8]
        + struct.pack(">L", struct.unpack_from(">L", tile, at - 8)[0] + len(extra))
        + tile[at - 4 : at]
        + extra
        + tile[at:]
    )


@bomb
def avif_boxes():
    """AVIF: a million empty boxes."""
    return _tile(64, noise=False) + files.box(b"free") * 1_000_000


@bomb
def avif_film():
    """AVIF: an animation that says it has two billion frames."""
    film = encode(_plain(64, 64), "AVIF", save_all=True, append_images=[_plain(64, 64, "L")], speed=10)
    at = film.index(b"stsz") + 12
    return film[:at] + struct.pack(">L", 2**31) + film[at + 4 :]
