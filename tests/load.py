"""Ask an HTTP server at a fixed rate, and keep what became of every request.

Open loop: a request is sent when its time has come, whether or not the ones before it were answered, as independent
users do; so an outage of a second shows as a second's requests and not as one. Each has a connection of its own,
because a Service chooses a pod by connection; `keep_alive=True` lends connections instead.
"""

import asyncio
import contextlib
import gc
import json
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import aiohttp
import numpy as np


@dataclass(frozen=True)
class Outcome:
    """What became of one request."""

    sent_s: float  # since the start of the load, when it was due
    took_s: float
    answer: str  # "200", another status, or the name of the error
    version: int | None = None  # of the model that answered


class Load:
    """A context in which `rate` requests a second are sent.

    Args:
        url: where to POST.
        body: what to send.
        rate: requests a second.
        headers: of each request.
        timeout_s: after which a request counts as failed.
        keep_alive: whether connections are used again.
    """

    def __init__(
        self,
        url: str,
        body: bytes,
        rate: float,
        headers: Mapping[str, str] | None = None,
        *,
        timeout_s: float = 15,
        keep_alive: bool = False,
    ) -> None:
        self._url, self._body, self._rate = url, body, rate
        self._headers = headers or {"Content-Type": "image/png"}
        self._timeout_s, self._keep_alive = timeout_s, keep_alive
        self._outcomes: list[Outcome] = []
        self._stop = threading.Event()
        self._start = 0.0
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        gc.freeze()  # else a full collection of all that pytest holds would count as the server's time
        self._start = time.monotonic()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Send no more and wait for the answers that are due."""
        self._stop.set()
        self._thread.join(self._timeout_s + 5)
        gc.unfreeze()

    @property
    def elapsed_s(self) -> float:
        """Say how long it has been going on, seconds: to cut phases by."""
        return time.monotonic() - self._start

    def between(self, start_s: float = 0.0, end_s: float = float("inf")) -> "Summary":
        """Sum up the requests that were due in this time."""
        return Summary([one for one in list(self._outcomes) if start_s <= one.sent_s < end_s])

    async def _run(self) -> None:
        connector = aiohttp.TCPConnector(limit=0, force_close=not self._keep_alive)
        timeout = aiohttp.ClientTimeout(total=self._timeout_s)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session, asyncio.TaskGroup() as tasks:
            sent = 0
            while not self._stop.is_set():
                due_s = sent / self._rate
                await asyncio.sleep(max(0.0, due_s - self.elapsed_s))
                tasks.create_task(self._ask(session, due_s))
                sent += 1

    async def _ask(self, session: aiohttp.ClientSession, due_s: float) -> None:
        version = None
        try:
            async with session.post(self._url, data=self._body, headers=self._headers) as response:
                body = await response.read()
                answer = str(response.status)
                with contextlib.suppress(ValueError, KeyError, TypeError):
                    version = int(json.loads(body)["model"]["version"])
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            answer = type(error).__name__
        self._outcomes.append(Outcome(due_s, self.elapsed_s - due_s, answer, version))


class Summary:
    """What became of some requests."""

    def __init__(self, outcomes: Sequence[Outcome]) -> None:
        self.outcomes = outcomes

    @property
    def sent(self) -> int:
        """Count them."""
        return len(self.outcomes)

    @property
    def answers(self) -> Counter[str]:
        """Count them by what came: a status or the name of an error."""
        return Counter(one.answer for one in self.outcomes)

    @property
    def failures(self) -> Counter[str]:
        """Count those that were not answered with 200, by what came instead."""
        return Counter({answer: count for answer, count in self.answers.items() if answer != "200"})

    @property
    def last_failure_s(self) -> float | None:
        """Say when the last of them was due, seconds since the start of the load."""
        return max((one.sent_s for one in self.outcomes if one.answer != "200"), default=None)

    @property
    def versions(self) -> Counter[int]:
        """Count the answers by the version that gave them."""
        return Counter(one.version for one in self.outcomes if one.version is not None)

    def percentile_s(self, percent: float) -> float:
        """Give a percentile of the time that answers of status 200 took, seconds; NaN where there is none."""
        took = [one.took_s for one in self.outcomes if one.answer == "200"]
        return float(np.percentile(took, percent)) if took else float("nan")
