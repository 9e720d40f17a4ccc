"""Let so many requests be worked on at a time, and others wait: before a thread is taken, so a refusal costs little.

For the thread of the event loop; only `resting` is for the threads that work.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from gateway.capacity import Patience
from gateway.problems import OVER_CAPACITY, Problem

_BURST_S = 1.0  # a machine that does something else for a moment, as at a rollout, refuses nobody for it
_JAM_S = 0.05
_RAMP_S = 0.1  # after a jam, one more at a time so often: a flood that paused for a moment finds no open gate


class Gate:
    """A number of requests that are worked on, and a queue of bounded length before them.

    First come, first served; in a jam the last goes first, so that most answers come as soon as ever and not all late
    (adaptive LIFO: Ben Maurer, "Fail at Scale", ACM Queue 13(8), 2015).

    Args:
        limit: how many are worked on at a time.
        room: how many may wait.
        jam_limit: how many are worked on at a time in a jam; None: as many as else. Fewer keep the machine as busy, and
            each is done sooner.
    """

    def __init__(self, limit: int, room: int, jam_limit: int | None = None) -> None:
        self._limit = limit
        self._jam_limit = limit if jam_limit is None else jam_limit
        self._room = room
        self._working = 0
        self._queue: deque[asyncio.Future[None]] = deque()
        self._patience = Patience(_BURST_S, _JAM_S)
        self._jam_s = -math.inf

    async def enter(self) -> None:
        """Begin to be worked on. Raises: Problem (429) where there is no room, or no place soon enough."""
        self._loop = asyncio.get_running_loop()
        if self._working < self._allowed() and not self._queue:
            self._working += 1
            return
        full = Problem(OVER_CAPACITY, "Too many requests are being worked on; try again in a moment.")
        if len(self._queue) >= self._room:
            raise full
        patience_s = self._patience.join(empty=not self._queue)
        turn = self._loop.create_future()
        self._queue.append(turn)
        try:
            async with asyncio.timeout(patience_s):
                await turn
        except TimeoutError:
            if turn.cancelled():  # else the turn came together with the end of patience
                with suppress(ValueError):
                    self._queue.remove(turn)
                raise full from None
        finally:
            self._patience.left()

    def leave(self) -> None:
        """Be worked on no more, and let the next in."""
        self._working -= 1
        next_turn = self._queue.pop if self._patience.is_jam else self._queue.popleft
        while self._queue and self._working < self._allowed():
            turn = next_turn()
            if not turn.done():
                self._working += 1
                turn.set_result(None)

    def _allowed(self) -> int:
        """Say how many are worked on at a time now, and remember when there was a jam."""
        now_s = time.monotonic()
        if self._patience.is_jam:
            self._jam_s = now_s
        return int(min(self._limit, self._jam_limit + (now_s - self._jam_s) / _RAMP_S))

    @contextmanager
    def resting(self) -> Iterator[None]:
        """Let others in while this thread's request waits for a picture's host; it goes on without asking again."""
        self._loop.call_soon_threadsafe(self.leave)
        try:
            yield
        finally:
            self._loop.call_soon_threadsafe(self._go_on)

    def _go_on(self) -> None:
        self._working += 1
