"""Stand between slow clients and the application: take requests in whole, hand them to threads, let the answers go.

ASGI on the side of uvicorn, where one thread looks after all connections; WSGI on the side of Flask. A slow client
costs a buffer here and never a thread. What is refused here, the application answers: it finds a Problem in its
environment under `gateway.refusal` and raises it, so that callers and /metrics hear of it as of any other.
"""

import asyncio
import io
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import unquote_to_bytes

from gateway.capacity import ClientDeadline
from gateway.problems import BAD_REQUEST, OVER_CAPACITY, SLOW_REQUEST, TOO_LARGE, Problem
from gateway.settings import Settings

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Environment = dict[str, Any]
Answer = tuple[int, list[tuple[bytes, bytes]], bytes]

# So much of a body has to arrive in each GATEWAY_READ_TIMEOUT_S: 4 kB a second with the default.
STRIDE_BYTES = 20 * 2**10
CLOSE = (b"connection", b"close")
_UNWANTED_BODY_BYTES = 4096  # of a request that is no POST: nobody reads it
_HEARD_OUT_BYTES = 64 * 2**20
_HEARD_OUT_S = 2.0
_PROBES = frozenset({"/healthz", "/readyz", "/metrics", "/version", "/v2/health/live", "/v2/health/ready"})


class _ClientLeft(Exception):  # noqa: N818 - no error, an end
    """The client is gone before its request was complete."""


class Lane:
    """Threads for one sort of request, so that none of them waits for those of another; `room` may wait."""

    def __init__(self, name: str, threads: int, room: int) -> None:
        self._threads = ThreadPoolExecutor(threads, name)
        self._limit = threads + room
        self._taken = 0

    @property
    def is_full(self) -> bool:
        """Tell whether there is no room."""
        return self._taken >= self._limit

    async def run(self, call: Callable[[Environment], Answer], environment: Environment) -> Answer:
        """Have a thread answer a request."""
        self._taken += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, call, environment)
        finally:
            self._taken -= 1


class Front:
    """The ASGI application around a WSGI application.

    Args:
        application: the WSGI application.
        settings: limits of time and memory.
        door: told of a request's head before its body is read; raises a Problem for one that is not let in.
    """

    def __init__(
        self,
        application: Callable[..., Iterable[bytes]],
        settings: Settings,
        door: Callable[[Environment], None] = lambda _: None,
    ) -> None:
        self._application = application
        self._door = door
        self._settings = settings
        self._buffered_bytes = 0
        self._predictions = Lane("request", settings.threads, 0)
        self._pages = Lane("page", 4, 256)
        self._probes = Lane("probe", 2, 64)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI: answer one request."""
        environment = _environment(scope)
        body = bytearray()
        try:
            await self._answer(scope, environment, body, receive, send)
        except _ClientLeft:
            return
        finally:
            self._buffered_bytes -= len(body)

    async def _answer(
        self, scope: Scope, environment: Environment, body: bytearray, receive: Receive, send: Send
    ) -> None:
        lane = self._lane(scope)
        headers = dict(scope["headers"])
        refusal = self._ask_door(environment) or self._refuse_unread(scope["http_version"], headers, lane)
        asks_first = b"expect" in headers
        if refusal is None:
            asks_first = False
            refusal = await self._read(receive, body, self._most_bytes(lane))
        deadline = ClientDeadline(time.monotonic() + self._settings.timeout_s)
        environment["gateway.deadline"] = deadline
        if refusal is None:
            environment["wsgi.input"] = io.BytesIO(body)
            environment["CONTENT_LENGTH"] = str(len(body))
            watch = asyncio.create_task(_watch(receive, deadline))
            try:
                status, answer_headers, answer = await lane.run(self._call, environment)
            finally:
                watch.cancel()
            if deadline.gone:
                return
        else:
            # A client that is still sending would see a reset connection instead of the answer.
            if not asks_first:
                await self._hear_out(receive)
            environment |= {"gateway.refusal": refusal, "CONTENT_LENGTH": "0"}
            status, answer_headers, answer = self._call(environment)  # quick: it raises before any route
            answer_headers.append(CLOSE)
        await send({"type": "http.response.start", "status": status, "headers": answer_headers})
        await send({"type": "http.response.body", "body": answer})

    def _lane(self, scope: Scope) -> Lane:
        if scope["method"] == "POST":
            return self._predictions
        return self._probes if scope["path"] in _PROBES else self._pages

    def _ask_door(self, environment: Environment) -> Problem | None:
        """Say by who asks why a request is refused; the application asks itself where it is a browser's preflight."""
        try:
            if environment["REQUEST_METHOD"] != "OPTIONS":
                self._door(environment)
        except Problem as refusal:
            return refusal
        return None

    def _most_bytes(self, lane: Lane) -> int:
        return self._settings.max_body_bytes if lane is self._predictions else _UNWANTED_BODY_BYTES

    def _refuse_unread(self, http_version: str, headers: dict[bytes, bytes], lane: Lane) -> Problem | None:
        """Say by its head alone why a request is refused."""
        if b"transfer-encoding" in headers and (b"content-length" in headers or http_version != "1.1"):
            # RFC 9112, 6.1: somebody before us may have seen another end of the body (request smuggling).
            return Problem(
                BAD_REQUEST, "The request gives the length of its body in two ways, or in one of another HTTP."
            )
        if int(headers.get(b"content-length", b"0")) > self._most_bytes(lane):
            return Problem(TOO_LARGE, "The request's body is larger than accepted.")
        if lane.is_full:
            return Problem(OVER_CAPACITY, "Too many requests are being worked on; try again in a moment.")
        return None

    async def _read(self, receive: Receive, body: bytearray, most_bytes: int) -> Problem | None:
        """Read a body to its end, or say why not."""
        clock = asyncio.get_running_loop().time
        end_s = clock() + self._settings.body_timeout_s
        due_s, due_from = clock() + self._settings.read_timeout_s, 0
        while True:
            try:
                async with asyncio.timeout_at(min(due_s, end_s)):
                    chunk, more = await _receive(receive)
            except TimeoutError:
                return Problem(SLOW_REQUEST, "The request's body did not arrive in time.")
            body += chunk
            self._buffered_bytes += len(chunk)
            if len(body) > most_bytes:
                return Problem(TOO_LARGE, "The request's body is larger than accepted.")
            if self._buffered_bytes > self._settings.max_buffered_bytes:
                return Problem(OVER_CAPACITY, "Too many large requests arrive at once; try again in a moment.")
            if not more:
                return None
            if len(body) - due_from >= STRIDE_BYTES:
                due_s, due_from = clock() + self._settings.read_timeout_s, len(body)

    async def _hear_out(self, receive: Receive) -> None:
        """Read and drop what is left of a body, within limits."""
        left, more = _HEARD_OUT_BYTES, True
        try:
            async with asyncio.timeout(_HEARD_OUT_S):
                while more and left > 0:
                    chunk, more = await _receive(receive)
                    left -= len(chunk)
        except TimeoutError:
            return

    def _call(self, environment: Environment) -> Answer:
        """Ask the WSGI application."""
        started: list[tuple[str, list[tuple[str, str]]]] = []
        chunks = self._application(environment, lambda status, headers, _=None: started.append((status, headers)))
        try:
            body = b"".join(chunks)
        finally:
            if close := getattr(chunks, "close", None):
                close()
        status, headers = started[-1]
        return int(status[:3]), [(name.lower().encode(), value.encode("latin-1")) for name, value in headers], body


async def _receive(receive: Receive) -> tuple[bytes, bool]:
    """Return the next part of a body, and whether there is more. Raises: _ClientLeft."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise _ClientLeft
    return message.get("body", b""), message.get("more_body", False)


async def _watch(receive: Receive, deadline: ClientDeadline) -> None:
    """Tell the work for a request when its client is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
    deadline.leave()


def _environment(scope: Scope) -> Environment:
    """Write a request's head as WSGI (PEP 3333) has it."""
    server, client = scope["server"] or ("", 0), scope["client"] or ("", 0)
    environment: Environment = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": str(client[1]),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "gateway.began_s": time.monotonic(),
    }
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        if "_" in name:  # would look like the header with dashes, which a proxy before us may have set
            continue
        key = "CONTENT_TYPE" if name == "content-type" else "HTTP_" + name.upper().replace("-", "_")
        if name not in ("content-length", "transfer-encoding"):
            environment[key] = f"{environment[key]},{value}" if key in environment else value
    return environment
