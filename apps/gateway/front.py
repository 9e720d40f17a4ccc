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

from gateway.arriving import Body, Buffers, ClientLeft, Receive
from gateway.capacity import ClientDeadline
from gateway.gate import Gate
from gateway.problems import BAD_REQUEST, HEADERS_TOO_LARGE, TOO_LARGE, Problem
from gateway.settings import Settings

Scope = dict[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Environment = dict[str, Any]
Answer = tuple[int, list[tuple[bytes, bytes]], bytes]

CLOSE = (b"connection", b"close")
_ROOM = 256  # a refusal after a short wait costs as little as one at once
_BETWEEN = 2  # requests that are between the stages
_PAGE_THREADS, _PROBE_THREADS = 4, 2
_LINKS_BYTES = 8192  # JSON that is smaller holds links
_UNWANTED_BODY_BYTES = 4096  # of a request that is no POST: nobody reads it
_PROBES = frozenset({"/healthz", "/readyz", "/metrics", "/version", "/v2/health/live", "/v2/health/ready"})


class Lane:
    """Where requests of one sort go, so that none of them waits for those of another.

    Args:
        threads: those that answer.
        limit: how many requests are worked on at a time.
        room: how many may wait.
        jam_limit: see Gate.
    """

    def __init__(self, threads: ThreadPoolExecutor, limit: int, room: int, jam_limit: int | None = None) -> None:
        self._threads = threads
        self.gate = Gate(limit, room, jam_limit)

    async def run(self, call: Callable[[Environment], Answer], environment: Environment) -> Answer:
        """Have a thread answer a request that has entered by the gate."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, call, environment)
        finally:
            self.gate.leave()


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
        self._buffers = Buffers()
        room, answering = settings.max_waiting, settings.max_decodes + settings.max_in_flight + _BETWEEN
        threads = ThreadPoolExecutor(settings.threads, "request")
        self._pictures = Lane(threads, answering, _ROOM, jam_limit=max(1, settings.max_in_flight // 2))
        self._links = Lane(threads, settings.max_fetches + room, 0)
        self._pages = Lane(ThreadPoolExecutor(_PAGE_THREADS, "page"), _PAGE_THREADS, _ROOM)
        self._probes = Lane(ThreadPoolExecutor(_PROBE_THREADS, "probe"), _PROBE_THREADS, _ROOM)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI: answer one request."""
        environment = _environment(scope)
        most_bytes = self._settings.max_body_bytes if scope["method"] == "POST" else _UNWANTED_BODY_BYTES
        body = Body(receive, self._settings, self._buffers, most_bytes, asks_first="HTTP_EXPECT" in environment)
        try:
            status, headers, answer = await self._answer(scope, environment, body, receive)
        except ClientLeft:
            return
        finally:
            body.release()
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    async def _answer(self, scope: Scope, environment: Environment, body: Body, receive: Receive) -> Answer:
        try:
            self._refuse_by_head(scope, environment, body.most_bytes)
            await body.read()
            lane = self._lane(environment, len(body.data))
            await lane.gate.enter()
        except Problem as refusal:
            await body.hear_out()
            # At once, in this thread: it ends before any route begins.
            status, headers, answer = self._call(environment | {"gateway.refusal": refusal})
            return status, [*headers, CLOSE], answer
        environment["wsgi.input"] = io.BytesIO(body.data)
        environment["CONTENT_LENGTH"] = str(len(body.data))
        deadline = ClientDeadline(time.monotonic() + self._settings.timeout_s, lane.gate.resting)
        environment["gateway.deadline"] = deadline
        watch = asyncio.create_task(_watch(receive, deadline))
        try:
            done = await lane.run(self._call, environment)
        finally:
            watch.cancel()
        if deadline.gone:
            raise ClientLeft
        return done

    def _lane(self, environment: Environment, body_bytes: int) -> Lane:
        if environment["REQUEST_METHOD"] != "POST":
            return self._probes if environment["PATH_INFO"] in _PROBES else self._pages
        is_json = "json" in environment.get("CONTENT_TYPE", "")
        # Links mostly wait, for their pictures' hosts: they have their own queue, and places for them behind it.
        return self._links if is_json and body_bytes < _LINKS_BYTES else self._pictures

    def _refuse_by_head(self, scope: Scope, environment: Environment, most_bytes: int) -> None:
        """Raise a Problem for a request that is not worth reading."""
        if scope["http_version"] not in ("1.0", "1.1"):
            raise Problem(BAD_REQUEST, "This is not HTTP/1.1 or HTTP/1.0.")
        if _head_bytes(scope) > self._settings.max_header_bytes:  # the parser's limit is for heads in pieces
            raise Problem(HEADERS_TOO_LARGE, f"The head has more than {self._settings.max_header_bytes} bytes.")
        if scope["method"] != "OPTIONS":  # a browser's preflight carries no key
            self._door(environment)
        headers = dict(scope["headers"])
        length = headers.get(b"content-length")
        if b"transfer-encoding" in headers and (length is not None or scope["http_version"] != "1.1"):
            # RFC 9112, 6.1: a proxy before us may have seen the end of the body elsewhere (request smuggling).
            raise Problem(BAD_REQUEST, "The length of the request's body is in doubt.")
        if length is not None and int(length) > most_bytes:
            raise Problem(TOO_LARGE, "The request's body is larger than accepted.")

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


def _head_bytes(scope: Scope) -> int:
    """Count the bytes of a request's head, near enough."""
    target = len(scope["raw_path"]) + len(scope["query_string"])
    return target + sum(len(name) + len(value) + len(": \r\n") for name, value in scope["headers"])


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
