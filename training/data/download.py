"""Download a file over HTTP so that no byte is fetched twice: resumed, retried, checked, there whole or not at all."""

import hashlib
import http.client
import re
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from tqdm import tqdm

from training.data.locking import exclusive

_CHUNK = 1 << 16  # bytes
_ATTEMPTS = 4  # in a row that bring no byte
_LONGEST_PAUSE_S = 60.0
_PARTIAL_CONTENT, _RANGE_NOT_SATISFIABLE = 206, 416
_TEMPORARY = {408, 425, 429, 500, 502, 503, 504}


class DownloadError(OSError):
    """A file could not be fetched; the message says from where, why, and what to do."""


@dataclass(frozen=True)
class Remote:
    """A file to fetch.

    Attributes: url; checksum, "md5:..." or "sha256:..." as its authors publish it, None if they publish none;
    max_bytes, more than it can have.
    """

    url: str
    checksum: str | None = None
    max_bytes: int = 2 << 30

    @property
    def name(self) -> str:
        """The file's name."""
        return urlsplit(self.url).path.rpartition("/")[2]


class _Interrupted(Exception):  # noqa: N818 - not an error yet: it is tried again
    """Report what may pass; after_s is the pause that the server asks for."""

    def __init__(self, reason: str, after_s: float = 0.0) -> None:
        super().__init__(reason)
        self.after_s = after_s


def download(remote: Remote, folder: Path, *, timeout_s: float = 30.0, pause_s: float = 1.0) -> Path:
    """Fetch a file to a folder; go on where an earlier try stopped, if the server still has the same file.

    Args:
        remote: what to fetch.
        folder: where to; made if it is not there. The file is called `.partial` there until it is whole and checked.
        timeout_s: for connecting, and for each wait for more bytes, seconds.
        pause_s: before the first retry, seconds; doubled with each that brings nothing.
    Returns: the file.
    Raises: DownloadError without network, for an answer that is no file, or for bytes that are not the published ones.
    """
    target = folder / remote.name
    partial = target.with_name(f"{target.name}.partial")
    with exclusive(partial):
        if target.exists() and _is_published(target, remote):
            partial.unlink()
            return target
        resumed = partial.stat().st_size > 0
        _fetch(remote, partial, timeout_s, pause_s)
        if resumed and not _is_published(partial, remote):  # two versions of the file, one after the other
            _start_again(partial)
            _fetch(remote, partial, timeout_s, pause_s)
        if not _is_published(partial, remote):
            _start_again(partial)
            raise DownloadError(
                f"{remote.url} is not the file that its authors published ({remote.checksum}); nothing was kept."
            )
        partial.replace(target)
        _validator(partial).unlink(missing_ok=True)
    return target


def _is_published(file: Path, remote: Remote) -> bool:
    if remote.checksum is None:
        return True
    kind, _, expected = remote.checksum.partition(":")
    with file.open("rb") as data:
        return hashlib.file_digest(data, kind).hexdigest() == expected


def _validator(partial: Path) -> Path:
    """Name the file that says which version of the remote file the partial one is of (its ETag or date)."""
    return partial.with_name(f"{partial.name}.version")


def _start_again(partial: Path) -> None:
    partial.write_bytes(b"")
    _validator(partial).unlink(missing_ok=True)


def _fetch(remote: Remote, partial: Path, timeout_s: float, pause_s: float) -> None:
    """Bring the partial file to its full length, over as many connections as it takes."""
    failures = 0
    while True:
        before = partial.stat().st_size
        try:
            return _go_on(remote, partial, timeout_s)
        except _Interrupted as error:
            failures = 1 if partial.stat().st_size > before else failures + 1
            if failures >= _ATTEMPTS:
                raise DownloadError(
                    f"cannot fetch {remote.url}: {error}. Check the network and run the same command again, which goes "
                    "on from here; or pass --data DIR, a copy that you have."
                ) from None
            pause = min(max(pause_s * 2 ** (failures - 1), error.after_s), _LONGEST_PAUSE_S)
            print(f"{remote.name}: {error}; trying again in {pause:.0f} s", file=sys.stderr)
            time.sleep(pause)


def _go_on(remote: Remote, partial: Path, timeout_s: float) -> None:
    """Fetch what is missing over one connection; raise _Interrupted if more is missing then."""
    have = partial.stat().st_size
    known = _validator(partial).read_text() if _validator(partial).exists() else None
    if have and known is None and remote.checksum is None:
        _start_again(partial)  # nothing could tell whether the rest belongs to it
        have = 0
    headers = {"Accept-Encoding": "identity", "User-Agent": "image-classifiers"}
    if have:
        headers["Range"] = f"bytes={have}-"
        headers |= {"If-Range": known} if known else {}
    request = urllib.request.Request(remote.url, headers=headers)  # noqa: S310 - the addresses are the project's own
    try:
        with _passing(remote, timeout_s), _OPENER.open(request, timeout=timeout_s) as answer:
            _receive(answer, remote, partial, have)
    except urllib.error.HTTPError as error:  # a range of a file that ends before it
        if error.headers.get("Content-Range", "").endswith(f"/{have}"):
            return  # it was whole already
        _start_again(partial)
        raise _Interrupted("the file is shorter than what was fetched of it") from None


@contextmanager
def _passing(remote: Remote, timeout_s: float) -> Iterator[None]:
    """Tell what may pass (_Interrupted) from what will not (DownloadError); let an answer 416 through."""
    try:
        yield
    except urllib.error.HTTPError as error:
        if error.code == _RANGE_NOT_SATISFIABLE:
            raise
        if error.code not in _TEMPORARY:
            raise DownloadError(f"{remote.url}: the server answered {error.code} {error.reason}.") from None
        raise _Interrupted(f"the server answered {error.code} {error.reason}", _retry_after_s(error.headers)) from None
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLCertVerificationError):
            raise DownloadError(f"{remote.url}: {error.reason.verify_message} (certificate).") from None
        raise _Interrupted(str(getattr(error.reason, "strerror", None) or error.reason)) from None
    except TimeoutError:
        raise _Interrupted(f"nothing came for {timeout_s:g} s") from None
    except (http.client.HTTPException, ConnectionError, ssl.SSLError) as error:
        raise _Interrupted(f"the connection broke ({type(error).__name__})") from None


def _receive(answer: http.client.HTTPResponse, remote: Remote, partial: Path, have: int) -> None:
    """Append an answer's bytes to the partial file, or write it anew if the server sends it from the start."""
    total = int(length) if (length := answer.headers.get("Content-Length", "")).isdigit() else None
    if answer.status == _PARTIAL_CONTENT:
        sent = re.match(r"bytes (\d+)-\d+/(\d+|\*)", answer.headers.get("Content-Range", ""))
        if not sent or int(sent[1]) != have:
            _start_again(partial)
            raise _Interrupted("the server sent another part than was asked for")
        total = int(sent[2]) if sent[2].isdigit() else None
    else:
        have = 0
        _start_again(partial)
        version = answer.headers.get("ETag", "")
        if version.startswith("W/") or not version:  # a weak ETag says nothing about bytes (RFC 9110, 8.8.1)
            version = answer.headers.get("Last-Modified", "")
        if version:
            _validator(partial).write_text(version)
    if (total or 0) > remote.max_bytes:
        raise DownloadError(f"{remote.url} has {total:,} bytes, more than the {remote.max_bytes:,} it can have.")
    bar = tqdm(total=total, initial=have, desc=remote.name, unit="B", unit_scale=True, unit_divisor=1024, disable=None)
    with bar, partial.open("ab") as file:
        have = _copy(answer, file, have, remote, bar)
    if total is not None and have < total:
        raise _Interrupted(f"the connection broke after {have:,} of {total:,} bytes")


def _copy(answer: http.client.HTTPResponse, file: IO[bytes], have: int, remote: Remote, bar: tqdm) -> int:
    while chunk := answer.read1(_CHUNK):  # what has come, so that a break loses nothing
        have += len(chunk)
        if have > remote.max_bytes:
            raise DownloadError(f"{remote.url} sends more than the {remote.max_bytes:,} bytes it can have.")
        file.write(chunk)
        bar.update(len(chunk))
    return have


def _retry_after_s(headers: Message) -> float:
    value = headers.get("Retry-After", "")
    return float(value) if value.isdigit() else 0.0


class _NoDowngrade(urllib.request.HTTPRedirectHandler):
    """Follow redirects, but never from an encrypted connection to a plain one."""

    def redirect_request(  # noqa: PLR0917 - urllib's own signature
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> urllib.request.Request | None:
        if req.full_url.startswith("https:") and not newurl.startswith("https:"):
            raise DownloadError(f"{req.full_url} leads to {newurl}, which is not encrypted.")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


_OPENER = urllib.request.build_opener(_NoDowngrade)
