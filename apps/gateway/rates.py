"""Limit how often each caller may ask: a rate, and a burst on top of it.

The generic cell rate algorithm (ITU-T I.371): of each caller it keeps one number, the moment at which all it has asked
for would be done if it had kept to its rate. A request may be ahead of that moment by a burst and no more.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

MAX_CALLERS = 20_000  # of whom something is remembered: about 4 MB


@dataclass(frozen=True)
class Rate:
    """`per_s` requests a second on average, and `burst` at once after a silence."""

    per_s: float
    burst: int


class Limiter:
    """Counts requests by caller; safe to use from many threads, and of bounded memory.

    Beyond `max_callers` the one that was silent longest is forgotten, who then has a whole burst again.

    Args:
        max_callers: of whom something is remembered.
        clock: seconds that never go back.
    """

    def __init__(self, max_callers: int = MAX_CALLERS, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_callers = max_callers
        self._clock = clock
        self._done_s: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, caller: str, rate: Rate) -> float:
        """Count a request, if it may go on.

        Returns: 0.0 where it may; else the seconds until one may, and the request is not counted.
        """
        with self._lock:
            now_s = self._clock()
            done_s = max(self._done_s.get(caller, now_s), now_s)
            wait_s = done_s - now_s - (rate.burst - 1) / rate.per_s
            if wait_s > 1e-9:  # noqa: PLR2004 - less is a rounding error of the division
                return wait_s
            self._remember(caller, done_s + 1.0 / rate.per_s)
            return 0.0

    def charge(self, caller: str, rate: Rate, count: int) -> None:
        """Count `count` requests more, whether they may or not: what one turned out to be worth."""
        with self._lock:
            now_s = self._clock()
            self._remember(caller, max(self._done_s.get(caller, now_s), now_s) + count / rate.per_s)

    def __len__(self) -> int:
        """Say of how many callers something is remembered."""
        return len(self._done_s)

    def _remember(self, caller: str, done_s: float) -> None:
        self._done_s[caller] = done_s
        self._done_s.move_to_end(caller)
        if len(self._done_s) > self._max_callers:
            self._done_s.popitem(last=False)
