"""Writers of what Pillow cannot write: picture files put together part by part."""

import io
import struct
import zlib
from collections.abc import Iterable, Sequence

import numpy as np
from PIL import Image

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6  # PNG's colour types
# Adam7: first column, first row, step of columns, step of rows.
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def encode(image: Image.Image, file_format: str = "PNG", **options) -> bytes:
    """Write a picture by Pillow."""
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def chunk(kind: bytes, data: bytes = b"") -> bytes:
    """Write a PNG chunk."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def ihdr(width: int, height: int, depth: int, colour: int, interlaced: bool = False) -> bytes:
    """Write PNG's header."""
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced))


def png(
    samples: np.ndarray,
    depth: int,
    colour: int,
    *,
    interlaced: bool = False,
    before: bytes = b"",
    after: bytes = b"",
    piece: int = 2**20,
) -> bytes:
    """Write a PNG.

    Args:
        samples: uint16[H, W, C], each below 2**depth.
        depth: bits a sample.
        colour: PNG's colour type.
        interlaced: by Adam7.
        before: chunks before the pixels.
        after: chunks behind them.
        piece: bytes of pixels in a chunk.
    """
    height, width = samples.shape[:2]
    passes = [samples[y::dy, x::dx] for x, y, dx, dy in PASSES] if interlaced else [samples]
    packed = zlib.compress(b"".join(_rows(one, depth) for one in passes if one.size))
    pixels = b"".join(chunk(b"IDAT", packed[at : at + piece]) for at in range(0, len(packed), piece))
    header = ihdr(width, height, depth, colour, interlaced)
    return PNG_SIGNATURE + header + before + pixels + after + chunk(b"IEND")


def _rows(samples: np.ndarray, depth: int) -> bytes:
    rows = samples.reshape(len(samples), -1)
    if depth == 16:
        packed = rows.astype(">u2").view(np.uint8)
    elif depth == 8:
        packed = rows.astype(np.uint8)
    else:
        bits = (rows[:, :, None] >> np.arange(depth - 1, -1, -1)) & 1
        packed = np.packbits(bits.reshape(len(rows), -1).astype(np.uint8), axis=1)
    return b"".join(b"\0" + row.tobytes() for row in packed)  # 0: no filter


def segment(marker: int, data: bytes = b"") -> bytes:
    """Write a JPEG segment."""
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


def with_segments(jpeg: bytes, *segments: bytes) -> bytes:
    """Put segments behind a JPEG's first marker."""
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def tiff(entries: Iterable[tuple[int, int, int, bytes]], order: str = "<", rest: bytes = b"") -> bytes:
    """Write EXIF's directory: (tag, type, count, four bytes of value) each."""
    listed = list(entries)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "L", 8)
    lines = b"".join(struct.pack(order + "HHL", *entry[:3]) + entry[3] for entry in listed)
    return head + struct.pack(order + "H", len(listed)) + lines + b"\0" * 4 + rest


def orientation_tiff(orientation: int, order: str = "<") -> bytes:
    """Write EXIF that holds an orientation."""
    return tiff([(0x0112, 3, 1, struct.pack(order + "HH", orientation, 0))], order)


def bmp(
    pixels: bytes, width: int, height: int, bits: int, *, coding: int = 0, extra: bytes = b"", head: int = 40
) -> bytes:
    """Write a BMP; `extra` is masks or a palette."""
    if head == 12:
        info = struct.pack("<LHHHH", 12, width, height, 1, bits)
    else:
        info = struct.pack("<LllHHLLllLL", head, width, height, 1, bits, coding, len(pixels), 2835, 2835, 0, 0)
    offset = 14 + len(info) + len(extra)
    return b"BM" + struct.pack("<LHHL", offset + len(pixels), 0, 0, offset) + info + extra + pixels


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    """Write a WebP of these chunks."""
    body = b"".join(kind + struct.pack("<L", len(data)) + data + b"\0" * (len(data) & 1) for kind, data in chunks)
    return b"RIFF" + struct.pack("<L", len(body) + 4) + b"WEBP" + body


def riff_chunks(webp: bytes) -> list[tuple[bytes, bytes]]:
    """Take a WebP apart."""
    chunks, position = [], 12
    while position + 8 <= len(webp):
        kind, length = struct.unpack_from("<4sL", webp, position)
        chunks.append((kind, webp[position + 8 : position + 8 + length]))
        position += 8 + length + (length & 1)
    return chunks


def box(kind: bytes, *parts: bytes) -> bytes:
    """Write a box of ISO's base media format."""
    body = b"".join(parts)
    return struct.pack(">L4s", len(body) + 8, kind) + body


def av1_item(avif: bytes) -> tuple[bytes, bytes]:
    """Take the AV1 stream of an AVIF's first item out, and its configuration box."""
    at = avif.index(b"mdat")
    length = struct.unpack_from(">L", avif, at - 4)[0]
    config = avif.index(b"av1C")
    size = struct.unpack_from(">L", avif, config - 4)[0]
    return avif[at + 4 : at - 4 + length], avif[config - 4 : config - 4 + size]


def with_stream(avif: bytes, stream: bytes) -> bytes:
    """Put another AV1 stream into an AVIF for `grid` to take."""
    at = avif.index(b"mdat")
    return avif[: at - 4] + struct.pack(">L", len(stream) + 8) + b"mdat" + stream


def grid(tile: bytes, columns: int, rows: int, side: int, size: tuple[int, int] | None = None) -> bytes:
    """Write an AVIF whose picture is `columns` x `rows` times the picture of another, which is `side` pixels square.

    Args:
        tile: an AVIF by Pillow, 8 bits, not grey.
        columns: tiles in a row, at most 256.
        rows: rows of tiles, at most 256.
        side: of a tile, pixels.
        size: width and height that the file claims, where that is not the tiles'.
    """
    stream, config = av1_item(tile)
    width, height = size or (columns * side, rows * side)
    cells = columns * rows
    ids = range(2, cells + 2)
    infe = box(b"infe", struct.pack(">BBHHH4s", 2, 0, 0, 1, 0, b"grid"), b"\0") + b"".join(
        box(b"infe", struct.pack(">BBHHH4s", 2, 0, 0, number, 0, b"av01"), b"\0") for number in ids
    )
    ipco = box(
        b"ipco",
        box(b"ispe", struct.pack(">LLL", 0, width, height)),
        box(b"ispe", struct.pack(">LLL", 0, side, side)),
        box(b"pixi", struct.pack(">LBBBB", 0, 3, 8, 8, 8)),
        config,
    )
    associations = struct.pack(">HB2B", 1, 2, 1, 3) + b"".join(
        struct.pack(">HB3B", number, 3, 2, 3, 0x84) for number in ids
    )
    ipma = box(b"ipma", struct.pack(">LL", 0, cells + 1), associations)
    dimg = box(b"dimg", struct.pack(">HH", 1, cells), struct.pack(f">{cells}H", *ids))
    description = struct.pack(">BBBBLL", 0, 1, rows - 1, columns - 1, width, height)

    def meta(mdat: int) -> bytes:
        locations = struct.pack(">HHHHLL", 1, 1, 0, 1, 0, len(description)) + b"".join(
            struct.pack(">HHHHLL", number, 0, 0, 1, mdat, len(stream)) for number in ids
        )
        return box(
            b"meta",
            struct.pack(">L", 0),
            box(b"hdlr", struct.pack(">LL4s12sB", 0, 0, b"pict", b"", 0)),
            box(b"pitm", struct.pack(">LH", 0, 1)),
            box(b"iloc", struct.pack(">BBHBBH", 1, 0, 0, 0x44, 0, cells + 1), locations),
            box(b"iinf", struct.pack(">LH", 0, cells + 1), infe),
            box(b"iprp", ipco, ipma),
            box(b"iref", struct.pack(">L", 0), dimg),
            box(b"idat", description),
        )

    head = box(b"ftyp", b"avif", struct.pack(">L", 0), b"avif", b"mif1", b"miaf")
    return head + meta(len(head) + len(meta(0)) + 8) + box(b"mdat", stream)


def profile(tags: dict[bytes, bytes], space: bytes = b"RGB ") -> bytes:
    """Write a colour profile (ICC) of these tags."""
    table, body, start = struct.pack(">L", len(tags)), b"", 132 + 12 * len(tags)
    for name, content in tags.items():
        table += name + struct.pack(">LL", start + len(body), len(content))
        body += content + b"\0" * (-len(content) % 4)
    head = struct.pack(">LLL4s4s4s", start + len(body), 0, 0x02100000, b"mntr", space, b"XYZ ").ljust(36, b"\0")
    head += b"acsp" + b"\0" * 28 + struct.pack(">lll", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + table + body


def gamma(value: float) -> bytes:
    """Write a curve of a profile."""
    return b"curv\0\0\0\0" + struct.pack(">LHH", 1, round(value * 256), 0)


def rgb_profile(primaries: Sequence[tuple[float, float]], white: tuple[float, float], curve: bytes) -> bytes:
    """Write a profile by the chromaticities of red, green, blue and white, and a curve."""
    bradford = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    here = _xyz_of(white)
    adapt = np.linalg.inv(bradford) @ np.diag((bradford @ [0.9642, 1, 0.8249]) / (bradford @ here)) @ bradford
    columns = np.stack([_xyz_of(one) for one in primaries], axis=1)
    columns = adapt @ (columns * np.linalg.solve(columns, here))
    tags = {
        name: b"XYZ \0\0\0\0" + struct.pack(">3l", *(round(value * 65536) for value in column))
        for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns.T, strict=True)
    }
    words = b"desc\0\0\0\0" + struct.pack(">L", 5) + b"made\0" + b"\0" * 78
    white_tag = b"XYZ \0\0\0\0" + struct.pack(">3l", 63190, 65536, 54061)
    curves = dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    return profile({**tags, **curves, b"desc": words, b"wtpt": white_tag, b"cprt": b"text\0\0\0\0none\0"})


def _xyz_of(chromaticity: tuple[float, float]) -> np.ndarray:
    x, y = chromaticity
    return np.array([x / y, 1, (1 - x - y) / y])


def rle8(indices: Sequence[bytes]) -> bytes:
    """Write BMP's run-length coding of rows, the last first."""
    lines = []
    for row in reversed(indices):
        runs, at = b"", 0
        while at < len(row):
            end = at
            while end < len(row) and end - at < 255 and row[end] == row[at]:
                end += 1
            runs, at = runs + bytes([end - at, row[at]]), end
        lines.append(runs + b"\0\0")
    return b"".join(lines) + b"\0\1"
