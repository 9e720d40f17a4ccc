"""Ask for little at a time, and rest as long as it took: who is asked has users to answer meanwhile."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from serving_api.deadline import Deadline

AT_ONCE = 2  # pictures
_MAX_REST_S = 0.5


@contextmanager
def paced(deadline: Deadline) -> Iterator[None]:
    """Do something, then rest, within a deadline."""
    begin_s = time.monotonic()
    yield
    time.sleep(min(time.monotonic() - begin_s, _MAX_REST_S, deadline.remaining_s()))
