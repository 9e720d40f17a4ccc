"""What a hostile host's answer costs whoever reads it: `http.client` with a timer, and `gateway.exchange`.

    .venv/test/bin/python -m bench.answers

Both get the same answers from a host in another process, and the same time: LIMIT_S. docs/decisions/0008 quotes it.
"""

import contextlib
import http.client
import multiprocessing
import socket
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

from gateway.exchange import BrokenExchangeError, Exchange
from serving_api.deadline import Deadline
from tests.hostile.urls.host import Host

LIMIT_S = 5.0
MAX_BYTES = 10 * 2**20
WAYS = (
    "good",
    "endless-interim",
    "endless-early-hints",
    "endless-chunks-of-one",
    "endless-headers",
    "drip-headers",
    "endless-body",
)
TIMES = {"good": 300}


def main() -> None:
    """Print processor and wall-clock seconds of each way and reader."""
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=_serve, args=(theirs,), daemon=True)
    server.start()
    port = ours.recv()
    print(f"{'way':24} {'reader':12} {'processor s':>12} {'wall clock s':>13}")
    for way in WAYS:
        for name, reader in (("http.client", _by_http_client), ("exchange", _by_exchange)):
            began_s, used_s = time.monotonic(), time.process_time()
            for _ in range(TIMES.get(way, 1)):
                with socket.create_connection(("127.0.0.1", port)) as connection:
                    reader(connection, f"/{way}")
            took_s, used_s = time.monotonic() - began_s, time.process_time() - used_s
            times = TIMES.get(way, 1)
            print(f"{way:24} {name:12} {used_s / times:12.4f} {took_s / times:13.4f}", flush=True)
    server.terminate()


def _serve(pipe: Connection) -> None:
    pipe.send(Host().port)
    threading.Event().wait()


def _by_http_client(sock: socket.socket, target: str) -> None:
    connection = http.client.HTTPConnection("pictures.example")
    connection.sock = sock
    timer = threading.Timer(LIMIT_S, _shut, (sock,))
    timer.start()
    with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
        connection.request("GET", target)
        with connection.getresponse() as response:
            _take(lambda: response.read(65536))
    timer.cancel()


def _by_exchange(sock: socket.socket, target: str) -> None:
    exchange = Exchange(sock, Deadline.after(LIMIT_S))
    with contextlib.suppress(OSError, BrokenExchangeError):
        pieces = exchange.body(exchange.ask(target, {"Host": "pictures.example"}))
        _take(lambda: next(pieces, b""))


def _take(read: Callable[[], bytes]) -> None:
    taken = 0
    while taken <= MAX_BYTES and (piece := read()):
        taken += len(piece)


def _shut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


if __name__ == "__main__":
    main()
