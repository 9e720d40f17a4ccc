"""Answer `GET /ping` with PONG and the name of who answers: the smallest service for a first cluster.

python3 apps/ping/ping.py        # then: curl localhost:9696/ping

Needs Python alone. In a cluster the name is the pod's, so that one sees which of several answered.
"""

import argparse
import signal
import socket
import threading
from collections.abc import Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import FrameType

PORT = 9696
IDLE_S = 10.0


class Handler(BaseHTTPRequestHandler):
    """Answer /ping; anything else is not found."""

    timeout = IDLE_S  # who connects and says nothing keeps no thread

    def do_GET(self) -> None:
        """Answer one request."""
        if self.path == "/ping":
            self._answer(HTTPStatus.OK, f"PONG from {socket.gethostname()}\n")
        else:
            self._answer(HTTPStatus.NOT_FOUND, "there is only /ping\n")

    def _answer(self, status: HTTPStatus, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def make_server(host: str, port: int) -> ThreadingHTTPServer:
    """Open the port; nothing is answered before `serve_forever`."""
    return ThreadingHTTPServer((host, port), Handler)


def main(argv: Sequence[str] | None = None) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=PORT, help="port to listen on (%(default)s)")
    given = parser.parse_args(argv)
    server = make_server(given.host, given.port)

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - what signal hands over
        # From a thread of its own: shutdown() waits for serve_forever(), which this very thread is in.
        threading.Thread(target=server.shutdown).start()

    # The first process of a container ignores SIGTERM unless it asks for it: a stop would take 30 s and then be a kill.
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    print(f"http://{given.host}:{server.server_port}/ping", flush=True)
    with server:
        server.serve_forever(poll_interval=0.1)


if __name__ == "__main__":
    main()
