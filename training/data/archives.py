"""Unpack what was downloaded: pictures out of a zip archive, and the IDX files of MNIST's family as PNG files."""

import gzip
import stat
import struct
import zipfile
import zlib
from pathlib import Path, PurePosixPath

import numpy as np
from tqdm import tqdm

from training.data.sources import DataError

_PICTURES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp"}
_CHUNK = 1 << 20  # bytes
_IDX_BYTES = 8  # the only type of value that these data sets have: unsigned bytes


def unpack_pictures(archive: Path, folder: Path, *, max_files: int = 200_000, max_bytes: int = 4 << 30) -> None:
    """Unpack the pictures of a zip archive, without its outermost folder, with a progress bar.

    Args:
        archive: a zip file; whatever is no picture by its name stays in it.
        folder: where to.
        max_files: refuse an archive with more pictures.
        max_bytes: refuse an archive with more bytes in them, whatever its directory says.
    Raises: DataError for an archive that is broken, too large, or holds a path or link that leads out of the folder.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = [m for m in opened.infolist() if PurePosixPath(m.filename).suffix.lower() in _PICTURES]
            if len(members) > max_files:
                raise DataError(f"{archive} holds {len(members):,} pictures, more than the {max_files:,} accepted.")
            left = max_bytes
            for member in tqdm(members, desc=f"unpack {archive.name}", unit="picture", disable=None, leave=False):
                target = folder / _inner_path(member, archive)
                target.parent.mkdir(parents=True, exist_ok=True)
                with opened.open(member) as packed, target.open("wb") as file:
                    while chunk := packed.read(_CHUNK):
                        left -= len(chunk)
                        if left < 0:
                            raise DataError(f"{archive} unpacks to more than the {max_bytes:,} bytes accepted.")
                        file.write(chunk)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise DataError(f"{archive} is not a zip archive that can be unpacked: {error}") from None


def _inner_path(member: zipfile.ZipInfo, archive: Path) -> PurePosixPath:
    """Return where a member goes, without the outermost folder."""
    path = PurePosixPath(member.filename.replace("\\", "/"))
    is_link = stat.S_ISLNK(member.external_attr >> 16)
    if path.is_absolute() or ".." in path.parts or ":" in path.parts[0] or is_link:
        raise DataError(f"{archive} holds {member.filename!r}, which leads out of its folder; nothing of it is used.")
    return PurePosixPath(*path.parts[1:]) if len(path.parts) > 1 else path


def read_idx(file: Path) -> np.ndarray:
    """Read a gzipped IDX file of unsigned bytes: uint8 of the dimensions that its header names.

    Raises: DataError for anything else.
    Source: the format's description with the MNIST data (Y. LeCun, C. Cortes, C. Burges).
    """
    try:
        data = gzip.decompress(file.read_bytes())
        zeros, kind, rank = struct.unpack(">HBB", data[:4])
        shape = struct.unpack(f">{rank}I", data[4 : 4 + 4 * rank])
        if (zeros, kind) != (0, _IDX_BYTES):
            raise DataError(f"{file} is not an IDX file of unsigned bytes.")
        return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)
    except (OSError, EOFError, zlib.error, struct.error, ValueError) as error:
        if isinstance(error, FileNotFoundError | DataError):
            raise
        raise DataError(f"{file} is not a gzipped IDX file: {error}") from None


def write_png(grey: np.ndarray) -> bytes:
    """Write uint8[H, W] as a PNG file, the same bytes on every machine.

    A picture's split follows from its bytes, and compressors differ between versions: so this one does not compress.
    """
    height, width = grey.shape
    lines = b"".join(b"\0" + row.tobytes() for row in grey)  # filter 0: as it is
    if len(lines) >= 1 << 16:
        raise ValueError("one stored block of deflate holds less than 65,536 bytes")
    length = struct.pack("<HH", len(lines), len(lines) ^ 0xFFFF)
    stored = b"\x78\x01\x01" + length + lines + struct.pack(">I", zlib.adler32(lines))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)  # 8 bits, grey
    chunks = ((b"IHDR", header), (b"IDAT", stored), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )
