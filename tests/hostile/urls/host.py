"""A picture host that does everything wrong on purpose; each path of it is one way."""

import contextlib
import gzip
import io
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator

import numpy as np
from PIL import Image

Answer = bytes | Iterable[bytes]

OK, CHUNKED = b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
STOP_S = 12.0  # after which a host gives up on a gateway that does not hang up


def picture(kind: str = "JPEG") -> bytes:
    """Draw a picture."""
    pixels = np.random.default_rng(7).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    with io.BytesIO() as file:
        Image.fromarray(pixels).save(file, kind)
        return file.getvalue()


PICTURE = picture()
MUCH = 9_500_000  # just under what a picture may have
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><image href="http://10.96.0.1/"/></svg>'


def whole(body: bytes, head: bytes = b"Content-Type: image/jpeg\r\n") -> bytes:
    """Answer as a good host does."""
    return OK + head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def redirect(to: str | bytes, status: int = 302) -> bytes:
    """Lead elsewhere."""
    to = to if isinstance(to, bytes) else to.encode("utf-8", "surrogatepass")
    return b"HTTP/1.1 %d Found\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n" % (status, to)


def drip(first: bytes, then: bytes = b"x", pause_s: float = 0.2) -> Iterator[bytes]:
    """Send a byte now and then, for ever."""
    yield first
    while True:
        time.sleep(pause_s)
        yield then


def flood(first: bytes, then: bytes) -> Iterator[bytes]:
    """Send as fast as it is taken, for ever."""
    yield first
    block = then * (65536 // len(then) + 1)
    while True:
        yield block


def silence(first: bytes = b"") -> Iterator[bytes]:
    """Send something and then nothing more."""
    yield first
    time.sleep(STOP_S)


# What each path answers, and the statuses that a gateway may answer then.
WAYS: dict[str, tuple[Callable[[], Answer], tuple[int, ...]]] = {
    "loop": (lambda: redirect("/loop"), (502,)),
    "loop-by-host": (lambda: redirect("http://other.example/loop-by-host", 307), (502,)),
    "four-redirects": (lambda: redirect("/three-redirects", 301), (502,)),
    "three-redirects": (lambda: redirect("/two-redirects", 308), (200,)),
    "two-redirects": (lambda: redirect("/one-redirect", 303), (200,)),
    "one-redirect": (lambda: redirect("good"), (200,)),
    "redirect-without-address": (lambda: b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", (502,)),
    "redirect-to-much": (lambda: redirect("/" + "a" * 9000), (400,)),
    "redirect-twice-told": (lambda: b"HTTP/1.1 302 Found\r\nLocation: /good\r\nLocation: http://10.0.0.1/\r\n\r\n",
        (400,)),
    "redirect-to-bytes": (lambda: redirect(b"/\xff good"), (400,)),
    "redirect-with-endless-body": (lambda: flood(redirect("/good").replace(b"Content-Length: 0\r\n", b""), b"x"),
        (200,)),
    "silence": (silence, (504,)),
    "silence-after-status": (lambda: silence(OK), (504,)),
    "silence-after-head": (lambda: silence(OK + b"\r\n"), (504,)),
    "silence-in-body": (lambda: silence(whole(PICTURE)[:-100]), (504,)),
    "silence-after-much": (lambda: silence(OK + b"\r\n" + PICTURE + bytes(MUCH)), (429, 504)),
    "drip-status": (lambda: drip(b"HTTP/1.1 200 ", b"O"), (504,)),
    "drip-header": (lambda: drip(OK + b"X: "), (504,)),
    "drip-headers": (lambda: drip(OK, b"X: y\r\n"), (504,)),
    "drip-body": (lambda: drip(OK + b"\r\n" + PICTURE), (504,)),
    "drip-chunks": (lambda: drip(CHUNKED + b"b\r\n" + PICTURE[:11] + b"\r\n", b"1\r\nx\r\n"), (415, 504)),
    "drip-interim": (lambda: drip(b"", b"HTTP/1.1 102 Processing\r\n\r\n"), (504,)),
    "endless-body": (lambda: flood(OK + b"\r\n" + PICTURE, b"x"), (413,)),
    "endless-body-of-html": (lambda: flood(OK + b"\r\n", b"<html>"), (415,)),
    "endless-headers": (lambda: flood(OK, b"X: y\r\n"), (502,)),
    "endless-header": (lambda: flood(OK + b"X: ", b"y"), (502,)),
    "endless-status": (lambda: flood(b"HTTP/1.1 200 ", b"O"), (502,)),
    "endless-nothing": (lambda: flood(b"", b"\0"), (502,)),
    "endless-lines": (lambda: flood(b"", b"\r\n"), (502,)),
    "endless-interim": (lambda: flood(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), (502,)),
    "endless-early-hints": (lambda: flood(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"), (502,)),
    "endless-chunks-of-one": (lambda: flood(CHUNKED + b"%x\r\n%b\r\n" % (len(PICTURE), PICTURE), b"1\r\nx\r\n"),
        (502,)),
    "endless-chunk-extension": (lambda: flood(CHUNKED + b"1;", b"x"), (502,)),
    "endless-trailer": (
        lambda: flood(CHUNKED + b"%x\r\n%b\r\n0\r\n" % (len(PICTURE), PICTURE), b"X: y\r\n"), (200,),
    ),
    "some-interim": (lambda: b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 5 + whole(PICTURE), (200,)),
    "switching": (lambda: b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n" + whole(PICTURE), (502,)),
    "huge-header": (lambda: OK + b"X: " + b"y" * 70_000 + b"\r\n\r\n" + PICTURE, (502,)),
    "many-headers": (lambda: OK + b"X: y\r\n" * 20_000 + b"\r\n" + PICTURE, (502,)),
    "spaces-in-header": (lambda: OK + b"X: " + b" " * 60_000 + b"y\r\n\r\n" + PICTURE, (200,)),
    "length-too-long": (lambda: OK + b"Content-Length: 99999\r\n\r\n" + PICTURE, (502,)),
    "length-too-short": (lambda: OK + b"Content-Length: 100\r\n\r\n" + PICTURE, (422,)),
    "length-of-nothing": (lambda: OK + b"Content-Length: 0\r\n\r\n" + PICTURE, (415,)),
    "length-beyond": (lambda: OK + b"Content-Length: 99999999999\r\n\r\n" + PICTURE, (413,)),
    "length-negative": (lambda: OK + b"Content-Length: -1\r\n\r\n" + PICTURE, (502,)),
    "length-signed": (lambda: OK + b"Content-Length: +10\r\n\r\n" + PICTURE, (502,)),
    "length-in-arabic": (lambda: OK + "Content-Length: \u0661\u0660\r\n\r\n".encode() + PICTURE, (502,)),
    "length-of-many-digits": (lambda: OK + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n" + PICTURE, (502,)),
    "two-lengths": (lambda: OK + b"Content-Length: 5\r\nContent-Length: 9\r\n\r\n" + PICTURE, (502,)),
    "length-and-chunks": (lambda: CHUNKED[:-2] + b"Content-Length: 5\r\n\r\n5\r\nabcde\r\n0\r\n\r\n", (502,)),
    "chunks-of-words": (lambda: CHUNKED + b"five\r\nabcde\r\n0\r\n\r\n", (502,)),
    "chunks-negative": (lambda: CHUNKED + b"-5\r\nabcde\r\n0\r\n\r\n", (502,)),
    "chunks-cut": (lambda: CHUNKED + b"ffff\r\n" + PICTURE, (502,)),
    "chunks-longer-than-told": (lambda: CHUNKED + b"20\r\n" + PICTURE + b"\r\n0\r\n\r\n", (502,)),
    "chunks-without-end": (lambda: CHUNKED + b"%x\r\n%b\r\n" % (len(PICTURE), PICTURE), (502,)),
    "chunk-of-exabytes": (lambda: flood(CHUNKED + b"ffffffffffffffff\r\n", b"x"), (502,)),
    "chunk-of-gigabytes": (lambda: flood(CHUNKED + b"ffffffff\r\n" + PICTURE, b"x"), (413,)),
    "good-chunks": (lambda: CHUNKED + b"%X;a=b\r\n%b\r\n0\r\n\r\n" % (len(PICTURE), PICTURE), (200,)),
    "gzip-bomb": (lambda: whole(gzip.compress(bytes(50_000_000)), b"Content-Encoding: gzip\r\n"), (502,)),
    "gzip-unsaid": (lambda: whole(gzip.compress(PICTURE)), (415,)),
    "gzip-as-transfer": (lambda: OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + PICTURE, (502,)),
    "early-close": (lambda: b"", (502,)),
    "early-close-in-status": (lambda: b"HTTP/1.", (502,)),
    "early-close-in-head": (lambda: OK + b"Content-Le", (502,)),
    "early-close-in-body": (lambda: whole(PICTURE)[:-100], (502,)),
    "cut-without-length": (lambda: OK + b"\r\n" + PICTURE[:-500], (422,)),
    "svg-as-jpeg": (lambda: whole(SVG), (415,)),
    "html-as-jpeg": (lambda: whole(b"<html>not here</html>"), (415,)),
    "xml-as-png": (lambda: whole(b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'),
        (415,)),
    "postscript-as-jpeg": (lambda: whole(b"%!PS-Adobe-3.0 EPSF-3.0\n"), (415,)),
    "jpeg-of-zeros": (lambda: whole(b"\xff\xd8\xff" + bytes(1000)), (422,)),
    "nothing": (lambda: whole(b""), (415,)),
    "no-http": (lambda: b"SSH-2.0-OpenSSH_9.2\r\n", (502,)),
    "http-0.9": (lambda: PICTURE, (502,)),
    "http-2": (lambda: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (502,)),
    "status-of-words": (lambda: b"HTTP/1.1 OK\r\n\r\n" + PICTURE, (502,)),
    "status-000": (lambda: b"HTTP/1.1 000 No\r\n\r\n" + PICTURE, (502,)),
    "status-999": (lambda: b"HTTP/1.1 999 No\r\n\r\n" + PICTURE, (502,)),
    "status-206": (lambda: b"HTTP/1.1 206 Partial Content\r\n\r\n" + PICTURE, (502,)),
    "status-401": (lambda: b"HTTP/1.1 401 Who\r\nWWW-Authenticate: Basic realm=x\r\n\r\n", (502,)),
    "status-500": (lambda: b"HTTP/1.1 500 Oh\r\n\r\n", (502,)),
    "header-without-colon": (lambda: OK + b"Header\r\n\r\n" + PICTURE, (502,)),
    "header-folded": (lambda: OK + b"X: y\r\n z\r\n\r\n" + PICTURE, (502,)),
    "header-with-nul": (lambda: OK + b"X: \0\r\n\r\n" + PICTURE, (502,)),
    "header-with-space": (lambda: OK + b"Content-Length : 5\r\n\r\n" + PICTURE, (502,)),
    "header-with-return": (lambda: OK + b"X: y\rContent-Length: 5\r\n\r\n" + PICTURE, (502,)),
    "bare-newlines": (lambda: b"HTTP/1.1 200 OK\nX: y\n\n" + PICTURE, (200,)),
}  # fmt: skip


class Host:
    """Serve the ways on 127.0.0.1 (or ::1), plain or by TLS; `/redirect?...` leads to what is written behind it."""

    def __init__(self, address: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._server = socket.create_server((address, 0), family=family, backlog=512)
        self._tls = tls
        self.port: int = self._server.getsockname()[1]
        self.to: list[str] = []  # where /redirect/N leads
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Serve nobody any more."""
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(STOP_S)
        with contextlib.suppress(OSError, IndexError), connection:  # no request at all where TLS fails
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
            path = connection.recv(65536).split(b" ")[1].split(b"?")[0].decode("latin-1").strip("/")
            self._answer(connection, path)
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_WR)
                connection.recv(1)  # a close with bytes unread would reset what was sent

    def _answer(self, connection: socket.socket, path: str) -> None:
        way, _, number = path.partition("/")
        if way == "redirect" and number.isdigit():
            connection.sendall(redirect(self.to[int(number)]))
        elif way == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
        elif way in WAYS:
            answer = WAYS[way][0]()
            until = time.monotonic() + STOP_S
            for piece in [answer] if isinstance(answer, bytes) else answer:
                connection.sendall(piece)
                if time.monotonic() > until:
                    return
        else:
            connection.sendall(whole(PICTURE))
