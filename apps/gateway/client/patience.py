"""Ask again where that is safe, for as long as the deadline allows.

Asked again is what got no answer or was told to wait: no connection, 429 and 503, gRPC's UNAVAILABLE and a full queue.
Classifying changes nothing at the server, so a request that was lost on the way may be sent twice. What was refused
(other 4xx), failed (other 5xx) or ran out of time is not: it would be so again.

Waits double from `first_wait_s` to `longest_wait_s`, each drawn between nothing and that ("full jitter"), so that
clients that were turned away together do not come back together; Retry-After is added, never shortened.
Source: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from gateway.client.errors import OutOfTime, Unavailable
from serving_api.deadline import Deadline

T = TypeVar("T")


@dataclass(frozen=True)
class Patience:
    """How long and how often a call is tried.

    Attributes:
        timeout_s: for a call with all that it takes, seconds: tries, waits, questions about the model.
        tries: at most so many.
        first_wait_s: bound of the first wait, seconds.
        longest_wait_s: bound of every wait, seconds, Retry-After aside.
    """

    timeout_s: float = 30.0
    tries: int = 6
    first_wait_s: float = 0.1
    longest_wait_s: float = 5.0

    def call(
        self,
        attempt: Callable[[Deadline], T],
        *,
        sleep: Callable[[float], None] = time.sleep,
        draw: Callable[[float, float], float] = random.uniform,
    ) -> T:
        """Call `attempt` until it gives something or raises anything but Unavailable.

        A wait that would not end before the deadline is not begun: its reason is raised at once.

        Args:
            attempt: makes one try within the deadline that it is given.
            sleep: waits so many seconds.
            draw: gives a number between two.
        Raises: Unavailable, when tries or time are used up; whatever else `attempt` raises.
        """
        deadline = Deadline.after(self.timeout_s)
        bound_s = self.first_wait_s
        for left in range(self.tries - 1, -1, -1):
            if deadline.expired:
                break
            try:
                return attempt(deadline)
            except Unavailable as error:
                wait_s = error.retry_after_s + draw(0.0, bound_s)
                if not left or wait_s >= deadline.remaining_s():
                    raise
            sleep(wait_s)
            bound_s = min(2 * bound_s, self.longest_wait_s)
        raise OutOfTime(f"no answer within {self.timeout_s:g} s")
