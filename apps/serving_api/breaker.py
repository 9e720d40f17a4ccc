"""Refuse calls to a server that cannot be reached, until it can be again.

A call that failed opens nothing: it only makes the breaker try for itself whether the server takes a connection. So a
request that takes the model too long, however many of them there are, shuts nobody out, nor does a server that is busy.
"""

import logging
import threading
from collections.abc import Callable

from serving_api import errors

# One may be bad luck: what is under way is cut off when the server is given up.
FAILURES_TO_OPEN = 2
PAUSE_S = 0.5

log = logging.getLogger(__name__)


class Breaker:
    """Whether a server, or any of several, can be reached; safe to use from many threads.

    Args:
        reach: connects anew, in a second at most; tells whether that worked.
        hang_up: ends the calls under way; called when the server is given up.
        pause_s: seconds between attempts while it is given up, and after the one that worked.
    """

    def __init__(self, reach: Callable[[], bool], hang_up: Callable[[], None], pause_s: float = PAUSE_S) -> None:
        self._reach = reach
        self._hang_up = hang_up
        self._pause_s = pause_s
        self._is_open = False
        self._answers = 0  # only ever compared: two threads that count at once lose nothing
        self._lock = threading.Lock()
        self._watching: threading.Thread | None = None
        self._stopped = threading.Event()

    @property
    def is_open(self) -> bool:
        """Tell whether calls are refused."""
        return self._is_open

    @property
    def answers(self) -> int:
        """Give a number that grows with every answer."""
        return self._answers

    def check(self) -> None:
        """Let a call pass. Raises: ModelUnavailable, at once, where nobody would answer it."""
        if self._is_open:
            raise errors.ModelUnavailable("the model server cannot be reached")

    def answered(self) -> None:
        """Note that a call was answered, be it by an error of the server's own."""
        self._answers += 1

    def suspect(self) -> None:
        """Note that a call was not answered, and find out why beside it."""
        with self._lock:
            if self._watching is None and not self._stopped.is_set():
                self._watching = threading.Thread(target=self._watch, name="breaker", daemon=True)
                self._watching.start()

    def stop(self) -> None:
        """End trying; an attempt under way is finished first."""
        self._stopped.set()
        watching = self._watching
        if watching is not None:
            watching.join()

    def _watch(self) -> None:
        failures, answers = 0, self._answers
        while not self._stopped.is_set() and not self._reach() and self._answers == answers:
            failures += 1
            if failures == FAILURES_TO_OPEN:
                log.warning("the model server cannot be reached: calls are refused until it can")
                self._is_open = True
                self._hang_up()
            if failures >= FAILURES_TO_OPEN:
                self._stopped.wait(self._pause_s)
        if self._is_open:
            log.warning("the model server is reached again")
        self._is_open = False
        self._stopped.wait(self._pause_s)  # calls that failed meanwhile said nothing new
        self._watching = None
