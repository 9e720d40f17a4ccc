"""A web server on loopback that behaves as badly as it is told."""

import http.server
import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Host:
    """Serves `files` by path, and keeps what it was asked.

    Attributes: address; files; breaks, bytes after which each next answer breaks off; statuses, of the next answers;
    ranges, whether it knows ranges; etag, None for none; chunked, whether lengths are left out; stalls, whether it says
    nothing more instead of breaking off; redirect, where it sends everybody; asked, (path, Range) of each request.
    """

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    breaks: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    ranges: bool = True
    etag: str | None = '"1"'
    chunked: bool = False
    stalls: bool = False
    redirect: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Say nothing."""

    def do_GET(self):
        host = self.server.host
        host.asked.append((self.path, self.headers.get("Range", "")))
        self.close_connection = True
        status = host.statuses.pop(0) if host.statuses else 200
        if host.redirect:
            self.answer(302, Location=host.redirect)
        elif status != 200 or self.path not in host.files:
            self.answer(status if status != 200 else 404, **{"Retry-After": "0"})
        else:
            self.answer_file(host.files[self.path])

    def answer(self, status, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def answer_file(self, data):
        host = self.server.host
        start = self.start()
        if start and start >= len(data):
            self.answer(416, **{"Content-Range": f"bytes */{len(data)}"})
            return
        body = data[start:]
        headers = {"ETag": host.etag} if host.etag else {}
        headers |= {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"} if start else {}
        headers |= {"Transfer-Encoding": "chunked"} if host.chunked else {"Content-Length": str(len(body))}
        self.answer(206 if start else 200, **headers)
        cut = host.breaks.pop(0) if host.breaks else len(body)
        before, after = (f"{len(body):x}\r\n".encode(), b"\r\n0\r\n\r\n") if host.chunked else (b"", b"")
        self.wfile.write(before + body[:cut] + (after if cut >= len(body) else b""))
        self.wfile.flush()
        if host.stalls and cut < len(body):
            self.server.released.wait(20)

    def start(self):
        asked = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
        same = self.headers.get("If-Range", self.server.host.etag) == self.server.host.etag
        return int(asked[1]) if asked and same and self.server.host.ranges else 0


@contextmanager
def serving(host):
    """Serve until the end of the block."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.host, server.released = host, threading.Event()
        host.address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield host
        server.released.set()
        server.shutdown()
        thread.join()
