"""Know callers by API keys: a file that holds the hash of each, never a key.

    # name          hash of the key                          a rate of its own, where it has one
    shop            sha256:5e884898da28047151d0e56f8dc6...    rate=50 burst=100
    shop            sha256:2c26b46b68ffc68ff99b453c1d30...
    nightly-batch   sha256:fcde2b2edba56bf408601fb721fe...

A key is `ic_` and 32 random bytes in base64url, as `gateway key NAME` makes it. Nobody can guess that, so one round of
SHA-256 is enough; slow hashes are for words that people think up, which this form leaves no room for. A name may have
several keys, so that one can be replaced while both work.
"""

import hashlib
import hmac
import logging
import os
import re
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gateway.rates import Rate

PREFIX = "ic_"
KEY = re.compile(r"ic_[A-Za-z0-9_-]{43}")
MAX_KEYS = 1000
_MAX_FILE_BYTES = 2**20
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_HASH = re.compile(r"sha256:([0-9a-f]{64})")
_RATE = re.compile(r"rate=([0-9.]{1,10})")
_BURST = re.compile(r"burst=([0-9]{1,6})")
_LOOK_S = 1.0

log = logging.getLogger(__name__)


class KeysError(ValueError):
    """The file of keys cannot be used; the message says where and why, and holds nothing of a key."""


@dataclass(frozen=True)
class Key:
    """A caller's key: `name` is logged, `digest` is SHA-256, `rate` is None where the common one holds."""

    name: str
    digest: bytes
    rate: Rate | None = None


class Keys:
    """The keys of a file, read anew when it changes; safe to use from many threads.

    A file that cannot be used does not replace the one before: the log says so, once.

    Args:
        path: the file; a mounted Secret's.
        clock: seconds that never go back; the file is looked at once a second at most.
    Raises: KeysError, at the start only.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._seen = _stamp(path)
        self._keys = read_keys(path)
        self._look_at_s = clock() + _LOOK_S
        self.stale = threading.Event()  # whether the file has changed to something that cannot be used

    def find(self, text: str) -> Key | None:
        """Give the key that a caller sent; None for one that is not in the file.

        Compares with every key to the end, so the time taken tells nothing about how near a guess was.
        """
        self._look()
        if KEY.fullmatch(text) is None:
            return None
        digest = hashlib.sha256(text.encode("ascii")).digest()
        found = None
        for key in self._keys:
            if hmac.compare_digest(digest, key.digest):
                found = key
        return found

    def __len__(self) -> int:
        """Say how many there are."""
        return len(self._keys)

    def _look(self) -> None:
        if self._clock() < self._look_at_s or not self._lock.acquire(blocking=False):
            return
        try:
            self._look_at_s = self._clock() + _LOOK_S
            stamp = _stamp(self._path)
            if stamp == self._seen:
                return
            self._seen = stamp
            self._keys = read_keys(self._path)
            self.stale.clear()
            log.info("%d API keys are read", len(self._keys))
        except KeysError as error:
            self.stale.set()
            log.error("the API keys are still those of before: %s", error)  # noqa: TRY400 - a person's mistake
        finally:
            self._lock.release()


def read_keys(path: Path) -> tuple[Key, ...]:
    """Read a file of keys. Raises: KeysError, naming the line."""
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_FILE_BYTES + 1).decode("ascii")
    except OSError as error:
        raise KeysError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise KeysError(f"{path}: is no ASCII text") from None
    if len(text) > _MAX_FILE_BYTES:
        raise KeysError(f"{path}: has more than {_MAX_FILE_BYTES} bytes")
    keys = tuple(
        _key(f"{path}, line {number}", line.split())
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip() and not line.lstrip().startswith("#")
    )
    if len(keys) > MAX_KEYS:
        raise KeysError(f"{path}: has more than {MAX_KEYS} keys")
    if len({key.digest for key in keys}) < len(keys):
        raise KeysError(f"{path}: has one key twice")
    return keys


def make_key(name: str) -> tuple[str, str]:
    """Make a key. Returns: the key, and its line for the file. Raises: KeysError for a name that cannot be one."""
    if _NAME.fullmatch(name) is None:
        raise KeysError(f"{name!r} is no name: at most 64 letters, digits, dots, dashes and underscores")
    key = PREFIX + secrets.token_urlsafe(32)
    return key, f"{name} sha256:{hashlib.sha256(key.encode('ascii')).hexdigest()}"


def _key(where: str, words: list[str]) -> Key:
    if _NAME.fullmatch(words[0]) is None or len(words) == 1 or not (digest := _HASH.fullmatch(words[1])):
        raise KeysError(f"{where}: is not a name and sha256: with 64 hexadecimal digits")
    return Key(words[0], bytes.fromhex(digest[1]), _rate(where, words[2:]))


def _rate(where: str, words: list[str]) -> Rate | None:
    if not words:
        return None
    rate = _RATE.fullmatch(words[0])
    burst = _BURST.fullmatch(words[1]) if len(words) > 1 else None
    try:
        found = Rate(float(rate[1]), int(burst[1])) if rate and burst and len(words) == 2 else None  # noqa: PLR2004
    except ValueError:
        found = None
    if found is None or found.per_s <= 0.0 or found.burst < 1:
        raise KeysError(f"{where}: after the hash comes nothing, or rate=50 burst=100 (requests a second, and at once)")
    return found


def _stamp(path: Path) -> tuple[int, ...] | None:
    """Give what changes when a file does; Kubernetes swaps a link, so the file behind it is another one."""
    try:
        found = os.stat(path)  # noqa: PTH116 - follows links and costs no object
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
