"""Bounded queues before what costs: fetching, decoding, predicting.

Each has places, and room for a few who wait; whoever finds no room is told so at once, which costs next to nothing. A
wait ends with the deadline, and when the client goes away: work that nobody waits for is dropped at the next step.

    Problem (gateway.problems)
    |-- fetch-over-capacity, decode-over-capacity, predict-over-capacity   no room          HTTP 429
    |-- out-of-time                                                        waited in vain   HTTP 504
    `-- client-gone                                                        counted as 499, as nobody hears it
"""

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import TypeVar

from gateway.metrics import Metrics
from gateway.problems import CLIENT_GONE, OUT_OF_TIME, Kind, Problem
from serving_api.deadline import Deadline

Result = TypeVar("Result")

_BURST_S = 2.0
_MOMENT_S = 0.02
_CALM_S = 0.05  # without anybody waiting: a jam is over


class Patience:
    """How long to wait in a queue.

    A queue is for bursts. One that has not been empty for a while makes everybody late and nobody sooner, so then a
    wait is short (after CoDel, RFC 8289).

    Args:
        burst_s: how long a queue may last before it is one of those, seconds.
        jam_s: how long before it is called a jam, seconds.
    """

    def __init__(self, burst_s: float, jam_s: float | None = None) -> None:
        self._burst_s = burst_s
        self._jam_s = burst_s if jam_s is None else jam_s
        self._began_s = self._seen_s = 0.0

    def join(self, *, empty: bool) -> float:
        """Note that somebody joins the queue, which is empty or not; return how long to wait, seconds."""
        now_s = time.monotonic()
        if empty and now_s - self._seen_s > _CALM_S:
            self._began_s = now_s
        self._seen_s = now_s
        left_s = max(0.0, self._began_s + self._burst_s - now_s)
        # Not all of them to the same moment: refusals cost a little, and hundreds at once would hold up the others.
        return random.uniform(left_s / 2, left_s) + _MOMENT_S  # noqa: S311 - nobody gains by guessing it

    def left(self) -> None:
        """Note that somebody leaves the queue, one way or the other."""
        self._seen_s = time.monotonic()

    @property
    def is_jam(self) -> bool:
        """Tell whether the queue has lasted for so long."""
        return self._seen_s - self._began_s > self._jam_s and time.monotonic() - self._seen_s < _CALM_S


@dataclass(frozen=True)
class ClientDeadline(Deadline):
    """A deadline of a client that may go away before: from then on no time is left."""

    resting: Callable[[], AbstractContextManager[None]] = nullcontext  # for while no thread works for the client
    _gone: threading.Event = field(default_factory=threading.Event)
    _waiting: set[threading.Event] = field(default_factory=set)

    @property
    def gone(self) -> bool:
        """Tell whether nobody waits for the answer any more."""
        return self._gone.is_set()

    def remaining_s(self) -> float:
        """Give the seconds left, none where the client is gone."""
        return 0.0 if self.gone else super().remaining_s()

    def within(self, timeout_s: float) -> "ClientDeadline":
        """Make a deadline of the same client: in `timeout_s` seconds, or when this one ends."""
        return replace(self, at_s=min(self.at_s, time.monotonic() + timeout_s))

    def wait(self, event: threading.Event) -> None:
        """Wait for an event, the deadline or the client's leaving, whichever comes first."""
        self._waiting.add(event)
        try:
            event.wait(self.remaining_s())
        finally:
            self._waiting.discard(event)

    def leave(self) -> None:
        """Note that the client is gone, and end its waits."""
        self._gone.set()
        for event in list(self._waiting):
            event.set()

    def require_time(self, verb: str) -> None:
        """Raise a Problem where nobody waits any more, or no time is left to do what `verb` says."""
        if self.gone:
            raise Problem(CLIENT_GONE, "The client went away before the answer.")
        if self.expired:
            raise Problem(OUT_OF_TIME, f"No time was left to {verb} the picture.")


class Stage:
    """Places for work, and a queue of bounded length before them: first come, first served.

    Args:
        verb: what is done here: "decode".
        places: how many do it at a time.
        room: how many may wait.
        full: the problem of those who find no room, or wait for too long.
        metrics: where to count.
    """

    def __init__(self, verb: str, places: int, room: int, full: Kind, metrics: Metrics) -> None:
        self._verb = verb
        self._free = places
        self._room = room
        self._full = full
        self._lock = threading.Lock()
        self._queue: deque[threading.Event] = deque()
        self._patience = Patience(_BURST_S)
        self._busy = metrics.stage_busy.labels(verb)
        self._refusals = metrics.stage_refusals.labels(verb)
        self._wait_seconds = metrics.stage_wait_seconds.labels(verb)
        metrics.stage_waiting.labels(verb).set_function(self._queue.__len__)

    @contextmanager
    def place(self, deadline: ClientDeadline) -> Iterator[None]:
        """Take a place, after a wait where none is free. Raises: Problem."""
        deadline.require_time(self._verb)
        turn = threading.Event()
        patience_s = self._take_or_queue(turn)
        if patience_s > 0.0:
            self._wait(turn, deadline, patience_s)
        with self._busy.track_inprogress():
            try:
                yield
            finally:
                self._hand_on()

    def _take_or_queue(self, turn: threading.Event) -> float:
        """Take a free place; or queue for one, and return for how long, seconds."""
        with self._lock:
            if self._free:
                self._free -= 1
                return 0.0
            if len(self._queue) >= self._room:
                raise self._refuse()
            patience_s = self._patience.join(empty=not self._queue)
            self._queue.append(turn)
            return patience_s

    def _wait(self, turn: threading.Event, deadline: ClientDeadline, patience_s: float) -> None:
        with self._wait_seconds.time():
            deadline.within(patience_s).wait(turn)
        with self._lock:
            self._patience.left()
            if in_vain := turn in self._queue:
                self._queue.remove(turn)
        try:
            deadline.require_time(self._verb)
        except Problem:
            if not in_vain:  # the place came together with the end
                self._hand_on()
            raise
        if in_vain:
            raise self._refuse()

    def _hand_on(self) -> None:
        with self._lock:
            if self._queue:
                self._queue.popleft().set()
            else:
                self._free += 1

    def _refuse(self) -> Problem:
        self._refusals.inc()
        return Problem(self._full, f"{self._full.title}; try again in a moment.")


class Pool:
    """The same for work that has threads of its own: `places` of it at a time, `room` waits; see Stage."""

    def __init__(self, verb: str, places: int, room: int, full: Kind, metrics: Metrics) -> None:
        self._verb = verb
        self._limit = places + room
        self._full = full
        self._lock = threading.Lock()
        self._begun = 0
        self._refusals = metrics.stage_refusals.labels(verb)
        metrics.stage_busy.labels(verb).set_function(lambda: min(self._begun, places))
        metrics.stage_waiting.labels(verb).set_function(lambda: max(self._begun - places, 0))

    def begin(self, start: Callable[[], Future[Result]]) -> Future[Result]:
        """Have work begun. Raises: Problem, where there is no room; what `start` raises."""
        with self._lock:
            if self._begun >= self._limit:
                self._refusals.inc()
                raise Problem(self._full, f"{self._full.title}; try again in a moment.")
            self._begun += 1
        try:
            future = start()
        except BaseException:
            self._end()
            raise
        future.add_done_callback(self._end)
        return future

    def result(self, future: Future[Result], deadline: ClientDeadline) -> Result:
        """Wait for work, and leave it behind where time or client are gone. Raises: Problem, and what the work does."""
        done = threading.Event()
        future.add_done_callback(lambda _: done.set())
        with deadline.resting():
            deadline.wait(done)
        if not future.done():
            future.cancel()
            deadline.require_time(self._verb)
        return future.result()

    def _end(self, _future: Future[Result] | None = None) -> None:
        with self._lock:
            self._begun -= 1
