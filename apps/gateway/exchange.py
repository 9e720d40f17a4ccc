"""Ask a stranger's HTTP server one thing, and read its answer without trusting any of it.

`http.client` skips interim answers for ever, takes a line of 64 KiB a hundred times and knows only a timeout that
begins anew with each byte. Here every wait ends at the deadline, everything that is not body has a budget in bytes, and
what can be read in two ways (RFC 9112, section 6.3) is refused.
"""

import re
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from serving_api.deadline import Deadline

MAX_HEAD_BYTES = 65536
_MAX_CHUNK_HEAD_BYTES = 1024
# Chunks of 112 bytes and less end up refused: a body in chunks of one byte would keep a core busy.
_BODY_BYTES_FOR_ONE_OF_FRAMING = 16
_RECEIVE_BYTES = 65536
_POLL_S = 0.25  # how soon a deadline that was brought forward is noticed

_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: [^\x00]*)?")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([^\x00\r]*)")
_LENGTH = re.compile(r"[0-9]{1,18}", re.ASCII)
_CHUNK_HEAD = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\x00\r]*)?")
_ALWAYS = {"Accept": "image/*", "Accept-Encoding": "identity", "Connection": "close"}
_SWITCHING, _FIRST_FINAL = 101, 200


class BrokenExchangeError(Exception):
    """Report an answer that is cut short, is not HTTP/1.1, or is more than is read."""


@dataclass(frozen=True)
class Head:
    """An answer's status and headers, names in lower case; repeated ones are joined by commas."""

    status: int
    headers: Mapping[str, str]

    @property
    def length(self) -> int | None:
        """Give the body's length where the answer tells it."""
        return int(self.headers["content-length"]) if "content-length" in self.headers else None

    @property
    def is_chunked(self) -> bool:
        """Tell whether the body comes in chunks."""
        return "transfer-encoding" in self.headers


class Exchange:
    """One request and its answer on a connected socket.

    Args:
        sock: connected, with TLS where the scheme wants it; the caller closes it.
        deadline: for all of it.
    Raises: TimeoutError at the deadline, OSError, BrokenExchangeError; all methods.
    """

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline
        self._buffer = bytearray()
        self._budget = MAX_HEAD_BYTES

    def ask(self, target: str, headers: dict[str, str]) -> Head:
        """GET a picture and read the final answer's head."""
        lines = [f"GET {target} HTTP/1.1", *(f"{name}: {value}" for name, value in (headers | _ALWAYS).items())]
        self._sock.settimeout(max(self._deadline.remaining_s(), 0.001))
        self._sock.sendall("\r\n".join([*lines, "", ""]).encode("ascii"))
        while (head := self._head()).status < _FIRST_FINAL:
            if head.status == _SWITCHING:
                raise BrokenExchangeError("it switches protocols")
        return head

    def body(self, head: Head) -> Iterator[bytes]:
        """Give the body piece by piece, as it comes; the caller stops when it has enough."""
        if head.is_chunked:
            return self._chunks()
        return self._plain(head.length)

    def _plain(self, length: int | None) -> Iterator[bytes]:
        while length is None or length > 0:
            if not self._buffer and not self._receive():
                if length is None:
                    return
                raise BrokenExchangeError("the body is cut short")
            piece = self._take(len(self._buffer) if length is None else length)
            length = None if length is None else length - len(piece)
            yield piece

    def _chunks(self) -> Iterator[bytes]:
        while True:
            size = _matched(_CHUNK_HEAD, self._line(_MAX_CHUNK_HEAD_BYTES), "a chunk's size is none")
            left = int(size[1], 16)
            if left == 0:
                return  # trailers are nobody's concern, and the connection is not used again
            self._budget += left // _BODY_BYTES_FOR_ONE_OF_FRAMING
            yield from self._plain(left)
            if self._line(_MAX_CHUNK_HEAD_BYTES):
                raise BrokenExchangeError("a chunk is longer than it says")

    def _head(self) -> Head:
        status = _matched(_STATUS_LINE, self._line(), "it does not begin like HTTP/1.1")
        headers: dict[str, str] = {}
        while line := self._line():
            header = _matched(_HEADER, line, "a header is none")
            name, value = header[1].decode("ascii").lower(), _text(header[2].strip(b" \t"))
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        _refuse_ambiguous(headers)
        return Head(int(status[1]), headers)

    def _line(self, max_bytes: int = MAX_HEAD_BYTES) -> bytes:
        """Read to the end of a line, within what is left of the budget."""
        seen = 0
        while (end := self._buffer.find(b"\n", seen)) < 0:
            seen = len(self._buffer)
            if seen > min(max_bytes, self._budget):
                break
            if not self._receive():
                raise BrokenExchangeError("it breaks off")
        used = end + 1
        if end < 0 or used > min(max_bytes, self._budget):
            raise BrokenExchangeError("its head, or what is around its chunks, is too long")
        self._budget -= used
        line = self._take(used)
        return line[:-2] if line.endswith(b"\r\n") else line[:-1]

    def _take(self, count: int) -> bytes:
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    def _receive(self) -> bool:
        """Wait for more bytes; tell whether there are any, or the host has ended the connection."""
        while not self._deadline.expired:
            self._sock.settimeout(max(min(self._deadline.remaining_s(), _POLL_S), 0.001))
            try:
                received = self._sock.recv(_RECEIVE_BYTES)
            except TimeoutError:
                continue
            self._buffer += received
            return bool(received)
        raise TimeoutError


def _refuse_ambiguous(headers: dict[str, str]) -> None:
    """See that there is one way to find the body's end, and make a repeated length one."""
    if "content-length" in headers:
        lengths = {length.strip() for length in headers["content-length"].split(",")}
        if len(lengths) != 1 or not _LENGTH.fullmatch(length := lengths.pop()):
            raise BrokenExchangeError("its length is none")
        if "transfer-encoding" in headers:
            raise BrokenExchangeError("it has a length and chunks")
        headers["content-length"] = length
    if headers.get("transfer-encoding", "chunked").lower() != "chunked":
        raise BrokenExchangeError("its transfer coding is another one than chunked")


def _matched(pattern: re.Pattern[bytes], line: bytes, otherwise: str) -> re.Match[bytes]:
    if not (match := pattern.fullmatch(line)):
        raise BrokenExchangeError(otherwise)
    return match


def _text(value: bytes) -> str:
    try:
        return value.decode()  # addresses of redirects come as UTF-8 by most
    except UnicodeDecodeError:
        return value.decode("latin-1")
