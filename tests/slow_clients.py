"""Be many slow clients of an HTTP server at once: `with SlowClients(port, readers=500, writers=500) as slow: ...`.

A writer sends the head of a request, or a body, a few bytes a second; a reader asks for page after page without waiting
and takes a few bytes a second, through a small receive buffer. Whoever is cut off comes back after a second. They live
in a process of their own, so that they cost the tests' own clients no time.

    python -m tests.slow_clients --port 9696 --readers 500 --writers 500
"""

import argparse
import asyncio
import json
import signal
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Self

_BEAT_S = 1.0
_BYTES_A_BEAT = 20
_PIPELINED = 20
_RECEIVE_BUFFER_BYTES = 2048
_HEAD = b"POST /predict HTTP/1.1\r\nHost: slow\r\nContent-Type: image/png\r\nContent-Length: 1000000\r\n"
_GET = b"GET /v1/models/pizza HTTP/1.1\r\nHost: slow\r\n\r\n"


class SlowClients:
    """A context in which slow clients keep a server busy; `counts` afterwards says what became of them."""

    def __init__(self, port: int, *, readers: int = 0, writers: int = 0) -> None:
        self._flags = ["--port", str(port), "--readers", str(readers), "--writers", str(writers)]
        self.counts: dict[str, int] = {}

    def __enter__(self) -> Self:
        """Begin; all have connected once when this returns, or ten seconds have passed."""
        command = [sys.executable, "-m", "tests.slow_clients", *self._flags]
        root = Path(__file__).parents[1]
        self._process = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self._process.stdout.readline()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End them all."""
        self._process.send_signal(signal.SIGTERM)
        self.counts = json.loads(self._process.communicate(timeout=30)[0])


async def _be_slow(port: int, readers: int, writers: int) -> None:
    counts: Counter[str] = Counter()
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    slow = [_read(port, counts) for _ in range(readers)]
    slow += [_write(port, counts, in_head=bool(number % 2)) for number in range(writers)]
    tasks = []
    for number, one in enumerate(slow):
        tasks.append(loop.create_task(one))
        await asyncio.sleep(0.05 if number % 50 == 49 else 0)  # no faster than a backlog takes
    for _ in range(100):
        if counts["connected"] >= len(slow):
            break
        await asyncio.sleep(0.1)
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    await stop.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    sys.stdout.write(json.dumps(counts))


async def _write(port: int, counts: Counter[str], *, in_head: bool) -> None:
    start = _HEAD + (b"X-Slow: " if in_head else b"\r\n")
    while True:
        reader, writer = await _connect(port, counts)
        try:
            writer.write(start)
            while not reader.at_eof():
                writer.write(b"0" * _BYTES_A_BEAT)
                await writer.drain()
                answer = await _within_a_beat(reader.read(4096))
                if answer.startswith(b"HTTP/"):
                    counts[answer[9:12].decode("latin-1")] += 1
        except OSError:
            pass
        await _come_back(writer, counts)


async def _read(port: int, counts: Counter[str]) -> None:
    while True:
        reader, writer = await _connect(port, counts, receive_buffer_bytes=_RECEIVE_BUFFER_BYTES)
        try:
            writer.write(_GET * _PIPELINED)
            while not reader.at_eof():
                await reader.read(_BYTES_A_BEAT)
                await asyncio.sleep(_BEAT_S)
        except OSError:
            pass
        await _come_back(writer, counts)


async def _connect(
    port: int, counts: Counter[str], receive_buffer_bytes: int = 0
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    while True:
        sock = socket.socket()
        sock.setblocking(False)
        if receive_buffer_bytes:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        try:
            await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
            counts["connected"] += 1
            return await asyncio.open_connection(sock=sock, limit=_BYTES_A_BEAT)
        except OSError:
            counts["refused"] += 1
            sock.close()
            await asyncio.sleep(_BEAT_S)


async def _come_back(writer: asyncio.StreamWriter, counts: Counter[str]) -> None:
    counts["cut off"] += 1
    writer.transport.abort()
    await asyncio.sleep(_BEAT_S)


async def _within_a_beat(reading: "asyncio.coroutines.Coroutine[None, None, bytes]") -> bytes:
    try:
        return await asyncio.wait_for(reading, _BEAT_S)
    except TimeoutError:
        return b""


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Be slow clients until SIGTERM.")
    for flag in ("--port", "--readers", "--writers"):
        parser.add_argument(flag, type=int, required=True)
    arguments = parser.parse_args()
    asyncio.run(_be_slow(arguments.port, arguments.readers, arguments.writers))
