"""Do something again and again in a thread of its own."""

import threading
from abc import ABC, abstractmethod


class Poller(ABC):
    """A thread that polls.

    Args:
        name: of the thread.
        wait_s: seconds before each poll; 0: never.
    """

    def __init__(self, name: str, wait_s: float) -> None:
        self._wait_s = wait_s
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @abstractmethod
    def poll(self) -> None:
        """Look once; raises nothing."""

    def start(self) -> None:
        """Begin to poll."""
        if self._wait_s > 0:
            self._thread.start()

    def stop(self) -> None:
        """End polling; a poll under way is finished first."""
        self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(self._wait_s):
            self.poll()
