"""What is known of each file once it was opened: measured once, kept by content hash.

Kept in one SQLite file, so that two runs may write to it at once and one that is killed loses a few pictures at most.
"""

import hashlib
import io
import json
import sqlite3
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

from gateway.pictures import FORMATS, NotAPicture, PictureError, to_tensor
from training.data import decoder_version

THUMBNAIL = 32  # height and width, pixels
_SCHEME = f"1 {decoder_version()}"  # facts measured in another way are measured again
_STORE = "pictures.sqlite"
_UNREADABLE = "unreadable "
_COSINES = np.cos(np.pi / THUMBNAIL * np.arange(8)[:, None] * (np.arange(THUMBNAIL) + 0.5))
_WORKERS = 2  # more would take memory and no less time
_ORIENTATION_TAG, _SIDEWAYS = 0x0112, (5, 6, 7, 8)  # of EXIF


@dataclass(frozen=True)
class Facts:
    """What one file is.

    Attributes: sha256 of its bytes; error, why it cannot be decoded, empty if it can; foreign, whether it is no picture
    at all; format, by its content ("JPEG"); width and height, pixels, upright; hash and mirrored_hash, perceptual
    hashes (pHash, 64 bits) of the picture and its mirror image; thumbnail, uint8[32, 32, 3]. All but the first three
    are empty where there is an error.
    """

    sha256: str
    error: str = ""
    foreign: bool = False
    format: str = ""
    width: int = 0
    height: int = 0
    hash: int = 0
    mirrored_hash: int = 0
    thumbnail: np.ndarray | None = None


def measure(paths: Sequence[Path], cache: Path | None = None) -> list[Facts]:
    """Open every file once, with a progress bar.

    Args:
        paths: files; one that cannot be read has its facts say so.
        cache: folder that keeps facts between runs; none if None.
    Returns: facts, in the order of `paths`.
    """
    shown = tqdm(paths, desc="hash pictures", unit="file", disable=None, leave=False)
    hashes = [_sha256(path) for path in shown]
    try:
        return _measure_all(paths, hashes, cache)
    except sqlite3.Error as error:  # locked, on a full disk or on one that SQLite cannot work on
        print(f"{cache}: facts cannot be kept there ({error}); measuring without", file=sys.stderr)
        return _measure_all(paths, hashes, None)


def _measure_all(paths: Sequence[Path], hashes: Sequence[str], cache: Path | None) -> list[Facts]:
    with closing(_open_store(cache)) as store:
        known = {sha256: facts for sha256 in set(hashes) if (facts := _recall(store, sha256))}
        new = {sha256: path for sha256, path in zip(hashes, paths, strict=True) if sha256 not in known}
        with ThreadPoolExecutor(_WORKERS) as pool:
            found = pool.map(_measure, new.values(), new)
            for facts in tqdm(found, "look at pictures", len(new), unit="picture", disable=None, leave=False):
                known[facts.sha256] = facts
                if not facts.sha256.startswith(_UNREADABLE):
                    _keep(store, facts)
    return [known[sha256] for sha256 in hashes]


def _sha256(path: Path) -> str:
    """Hash a file; one that cannot be read has only its name to be told by."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return f"{_UNREADABLE}{path}"


def _measure(path: Path, sha256: str) -> Facts:
    try:
        data = path.read_bytes()
        thumbnail = to_tensor(data, THUMBNAIL, THUMBNAIL)
    except OSError as error:
        return Facts(sha256, f"The file cannot be read: {error.strerror}.")
    except PictureError as error:
        return Facts(sha256, str(error) if data else "The file is empty.", isinstance(error, NotAPicture))
    with Image.open(io.BytesIO(data), formats=FORMATS) as header:  # a header that the decoder has accepted
        width, height, kind = header.width, header.height, str(header.format)
        if _is_sideways(header):
            width, height = height, width
    hashes = perceptual_hash(thumbnail), perceptual_hash(thumbnail[:, ::-1])
    return Facts(sha256, "", False, kind, width, height, *hashes, thumbnail)


def _is_sideways(header: Image.Image) -> bool:
    try:
        return header.getexif().get(_ORIENTATION_TAG) in _SIDEWAYS
    except Exception:  # noqa: BLE001 - broken EXIF is no reason to refuse the pixels
        return False


def perceptual_hash(image: np.ndarray) -> int:
    """Hash uint8[32, 32, 3] so that pictures which look alike differ in few of 64 bits.

    Which of the 8 x 8 lowest frequencies of the grey picture (DCT, type II) are above their median.
    Source: C. Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions, 2010; as imagehash.phash.
    """
    grey = np.asarray(Image.fromarray(image).convert("L"), float)
    low = _COSINES @ grey @ _COSINES.T
    bits = (low > np.median(low)).ravel()
    return int("".join("01"[int(bit)] for bit in bits), 2)


def _open_store(cache: Path | None) -> sqlite3.Connection:
    if cache is None:
        return _with_table(sqlite3.connect(":memory:"))
    cache.mkdir(parents=True, exist_ok=True)
    try:
        return _with_table(sqlite3.connect(cache / _STORE, timeout=60, isolation_level=None))
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:  # no database, or a broken one: everything in it can be measured again
        for file in cache.glob(f"{_STORE}*"):
            file.unlink()
        return _with_table(sqlite3.connect(cache / _STORE, timeout=60, isolation_level=None))


def _with_table(store: sqlite3.Connection) -> sqlite3.Connection:
    store.execute("PRAGMA journal_mode = WAL")  # two runs at once
    store.execute("PRAGMA synchronous = OFF")
    store.execute(
        "CREATE TABLE IF NOT EXISTS facts (sha256 TEXT, scheme TEXT, facts TEXT, thumbnail BLOB,"
        " PRIMARY KEY (sha256, scheme))"
    )
    return store


def _recall(store: sqlite3.Connection, sha256: str) -> Facts | None:
    query = "SELECT facts, thumbnail FROM facts WHERE sha256 = ? AND scheme = ?"
    row = store.execute(query, (sha256, _SCHEME)).fetchone()
    if row is None:
        return None
    known: dict[str, Any] = json.loads(row[0])
    thumbnail = np.frombuffer(row[1], np.uint8).reshape(THUMBNAIL, THUMBNAIL, 3) if row[1] else None
    return Facts(sha256, **known, thumbnail=thumbnail)


def _keep(store: sqlite3.Connection, facts: Facts) -> None:
    known = {k: v for k, v in vars(facts).items() if k not in ("sha256", "thumbnail")}
    pixels = None if facts.thumbnail is None else facts.thumbnail.tobytes()
    store.execute(
        "INSERT OR REPLACE INTO facts VALUES (?, ?, ?, ?)", (facts.sha256, _SCHEME, json.dumps(known), pixels)
    )
