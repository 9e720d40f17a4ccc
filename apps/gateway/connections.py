"""Limits of connections that uvicorn leaves open: number, the time for a request's head, and for taking an answer.

A client gets GATEWAY_READ_TIMEOUT_S for a head, and as long for each 20 KiB of an answer. Where there are too many
connections, the one that has waited longest for a request gives way. A connection on which bytes follow a request
before its answer is closed after that: what was smuggled in behind a request is never read as one.
"""

import asyncio
import json
import sys
import uuid
from dataclasses import dataclass, field
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from gateway.arriving import STRIDE_BYTES, Receive, spread
from gateway.front import CLOSE, Scope, Send
from gateway.metrics import Metrics
from gateway.problems import BAD_REQUEST, HEADERS_TOO_LARGE, OVER_CAPACITY, SLOW_REQUEST, Problem
from gateway.settings import Settings


@dataclass
class Connections:
    """What all connections share."""

    settings: Settings
    metrics: Metrics
    closing: bool = False  # the gateway is about to stop: each answer is its connection's last
    waiting: dict["Connection", None] = field(default_factory=dict)  # for a request, longest first


class Connection(H11Protocol):
    """One connection."""

    def __init__(self, *arguments: Any, shared: Connections, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._shared = shared
        self._front = self.app
        self.app = self._answer
        self._head_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See Protocol: make room, and give the client its time."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=0)  # so that pause_writing tells of every byte that is not taken
        self._shared.metrics.connections.inc()
        if len(self.connections) > self._shared.settings.max_connections:
            if not self._shared.waiting:
                self.drop("full", Problem(OVER_CAPACITY, "There are too many connections; try again in a moment."))
                return
            next(iter(self._shared.waiting)).drop("full")
        self._await_request()
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """See Protocol."""
        self._shared.metrics.connections.dec()
        self._shared.waiting.pop(self, None)
        for timer in (self._head_timer, self._write_timer):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See Protocol: the clock runs from the first byte of a head to its last."""
        if not self._is_busy and self._head_timer is None:
            self._await_head()
        super().data_received(data)
        if self._is_busy and self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
            self._shared.waiting.pop(self, None)

    def pause_writing(self) -> None:
        """See Protocol: bytes of an answer wait for the client."""
        super().pause_writing()
        self._await_taking()

    def resume_writing(self) -> None:
        """See Protocol: it took all."""
        super().resume_writing()
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def on_response_complete(self) -> None:
        """See H11Protocol: the next request may come."""
        super().on_response_complete()
        self._await_request()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - H11Protocol's
        """See H11Protocol: what came is not HTTP."""
        error = sys.exception()
        if isinstance(error, h11.RemoteProtocolError) and error.error_status_hint == HEADERS_TOO_LARGE.status:
            most = self._shared.settings.max_header_bytes
            self.drop("headers", Problem(HEADERS_TOO_LARGE, f"The request's head has more than {most} bytes."))
        else:
            self.drop("not-http", Problem(BAD_REQUEST, "This is not proper HTTP."))

    @property
    def _is_busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, and tell the client where that is the connection's end."""

        async def sending(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start" and (self._shared.closing or self.conn.trailing_data[0]):
                message["headers"].append(CLOSE)
            await send(message)

        await self._front(scope, receive, sending)

    def _await_request(self) -> None:
        if not self.transport.is_closing():
            self._shared.waiting[self] = None

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(spread(self._shared.settings.read_timeout_s), self._head_is_late)

    def _head_is_late(self) -> None:
        self.drop("slow-head", Problem(SLOW_REQUEST, "The request's head did not arrive in time."))

    def _await_taking(self) -> None:
        left = self.transport.get_write_buffer_size()
        self._write_timer = self.loop.call_later(spread(self._shared.settings.read_timeout_s), self._see_taking, left)

    def _see_taking(self, before: int) -> None:
        if before - self.transport.get_write_buffer_size() < STRIDE_BYTES:
            self._shared.metrics.connections_dropped.labels("slow-reader").inc()
            self.transport.abort()
        else:
            self._await_taking()

    def drop(self, reason: str, problem: Problem | None = None) -> None:
        """End a connection on which no request is worked on."""
        self._shared.metrics.connections_dropped.labels(reason).inc()
        self._shared.waiting.pop(self, None)
        if problem is not None and self.conn.our_state is h11.IDLE and not self.transport.is_closing():
            request_id = uuid.uuid4().hex
            body = json.dumps(problem.as_json() | {"request_id": request_id}).encode()
            headers = {
                "Content-Type": "application/problem+json",
                "Content-Length": str(len(body)),
                "Connection": "close",
            }
            headers["X-Request-ID"] = request_id
            head = h11.Response(
                status_code=problem.kind.status, headers=list(headers.items()), reason=problem.kind.title
            )
            for event in (head, h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
