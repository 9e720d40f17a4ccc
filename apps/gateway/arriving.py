"""Read the body of a request as it arrives, within limits of size and time.

Of each 20 KiB it is asked that they come within GATEWAY_READ_TIMEOUT_S, so a client that stands still is noticed as
soon as one that drips, and one on a slow line is left in peace. All bodies together are limited too.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

from gateway.problems import OVER_CAPACITY, SLOW_REQUEST, TOO_LARGE, Problem
from gateway.settings import Settings

Receive = Callable[[], Awaitable[dict[str, Any]]]

STRIDE_BYTES = 20 * 2**10
_HEARD_OUT_BYTES = 64 * 2**20
_HEARD_OUT_S = 2.0


class ClientLeft(Exception):  # noqa: N818 - no error, an end
    """The client is gone before its request was complete."""


def spread(timeout_s: float) -> float:
    """Give 80 to 100 % of a time: clients that came together are not refused together, which would hold up others."""
    return timeout_s * random.uniform(0.8, 1.0)  # noqa: S311 - nobody gains by guessing it


class Buffers:
    """How many bytes of bodies are held; for one thread."""

    def __init__(self) -> None:
        self.held_bytes = 0


class Body:
    """The body of one request.

    Args:
        receive: ASGI's; gives its parts.
        settings: the limits.
        buffers: what all bodies share; `release` gives back what this one took.
        most_bytes: the largest that is accepted.
        asks_first: whether the client sends it only after being told to (`Expect: 100-continue`).
    """

    def __init__(
        self, receive: Receive, settings: Settings, buffers: Buffers, most_bytes: int, *, asks_first: bool
    ) -> None:
        self.data = bytearray()
        self.most_bytes = most_bytes
        self._receive = receive
        self._settings = settings
        self._buffers = buffers
        self._more = not asks_first  # whether there is anything on its way

    async def read(self) -> None:
        """Read it all. Raises: Problem (408, 413, 429), ClientLeft."""
        clock = asyncio.get_running_loop().time
        self._more = True
        end_s, due_s, due_from = clock() + self._settings.body_timeout_s, 0.0, -STRIDE_BYTES
        while self._more:
            if len(self.data) - due_from >= STRIDE_BYTES:
                due_s, due_from = clock() + spread(self._settings.read_timeout_s), len(self.data)
            try:
                async with asyncio.timeout_at(min(due_s, end_s)):
                    part = await self._next()
            except TimeoutError:
                self._more = False  # not worth hearing out
                raise Problem(SLOW_REQUEST, "The request's body did not arrive in time.") from None
            self.data += part
            self._buffers.held_bytes += len(part)
            if len(self.data) > self.most_bytes:
                raise Problem(TOO_LARGE, "The request's body is larger than accepted.")
            if self._buffers.held_bytes > self._settings.max_buffered_bytes:
                raise Problem(OVER_CAPACITY, "Too many large requests arrive at once; try again in a moment.")

    async def hear_out(self) -> None:
        """Read and drop what is on its way: a client still sending would see a reset connection, not the answer.

        Raises: ClientLeft.
        """
        self.release()  # at once: while this client is heard out, others need the room
        left = _HEARD_OUT_BYTES
        try:
            async with asyncio.timeout(_HEARD_OUT_S):
                while self._more and left > 0:
                    left -= len(await self._next())
        except TimeoutError:
            return

    def release(self) -> None:
        """Give back what is held."""
        self._buffers.held_bytes -= len(self.data)
        self.data = bytearray()

    async def _next(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        self._more = message.get("more_body", False)
        part: bytes = message.get("body", b"")
        return part
