"""Refuse calls to a server that does not answer, until it does again.

A call that failed opens nothing: it only makes the breaker ask for itself, by a probe that is cheap for any server that
lives. So a request that takes the model too long, however many of them there are, shuts nobody out. While two probes in
a row and every call beside them fail, calls are refused at once; the first probe that is answered lets them through.
"""

import logging
import threading
from collections.abc import Callable

from serving_api import errors

# The second of two probes goes to another server, where there is one: the channel takes them in turn.
PROBES_TO_OPEN = 2
INTERVAL_S = 0.5

log = logging.getLogger(__name__)


class Breaker:
    """Whether a server, or any of several behind one channel, can be asked; safe to use from many threads.

    Args:
        probe: asks the server something cheap, for a second at most; tells whether an answer came, whichever.
        interval_s: seconds between probes of a server that does not answer.
    """

    def __init__(self, probe: Callable[[], bool], interval_s: float = INTERVAL_S) -> None:
        self._probe = probe
        self._interval_s = interval_s
        self._is_open = False
        self._answers = 0  # only ever compared: two threads that count at once lose nothing
        self._lock = threading.Lock()
        self._watching: threading.Thread | None = None
        self._stopped = threading.Event()

    @property
    def is_open(self) -> bool:
        """Tell whether calls are refused."""
        return self._is_open

    def check(self) -> None:
        """Let a call pass. Raises: ModelUnavailable, at once, where nobody would answer it."""
        if self._is_open:
            raise errors.ModelUnavailable("the model server did not answer; it is asked again twice a second")

    def answered(self) -> None:
        """Note that a call was answered, be it by an error of the server's own."""
        self._answers += 1

    def suspect(self) -> None:
        """Note that a call was not answered, and begin to probe."""
        with self._lock:
            if self._watching is None and not self._stopped.is_set():
                self._watching = threading.Thread(target=self._watch, name="breaker", daemon=True)
                self._watching.start()

    def stop(self) -> None:
        """End probing."""
        self._stopped.set()

    def _watch(self) -> None:
        failed, answers = 0, self._answers
        while not self._stopped.is_set():
            if self._probe() or self._answers != answers:
                break
            failed += 1
            if failed >= PROBES_TO_OPEN:
                if not self._is_open:
                    log.warning("the model server does not answer: calls are refused until it does")
                self._is_open = True
                self._stopped.wait(self._interval_s)
        with self._lock:
            if self._is_open:
                log.warning("the model server answers again")
            self._is_open = False
            self._watching = None
