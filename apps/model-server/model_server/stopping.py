"""Wait for SIGTERM or SIGINT, whichever thread the kernel gives it to.

A lock is no good for that: the main thread, asleep in `threading.Event.wait`, is only woken by a signal that it gets
itself, and a handler that sets the event while the main thread holds the event's lock waits for ever. A byte in a
socket wakes it in each case (`signal.set_wakeup_fd`).
"""

import contextlib
import logging
import signal
import socket
from types import FrameType, TracebackType
from typing import Self

LOG = logging.getLogger("model_server")
SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StopSignal:
    """A context in which the first such signal is kept, and a second one ends the process at once.

    To be entered, waited for and left in the main thread.
    """

    def __init__(self) -> None:
        self._number: int | None = None

    def __enter__(self) -> Self:
        """Keep signals from here on."""
        self._woken, self._waking = socket.socketpair()
        self._waking.setblocking(False)
        signal.set_wakeup_fd(self._waking.fileno(), warn_on_full_buffer=False)
        for number in SIGNALS:
            signal.signal(number, self._keep)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wake nobody any more; a signal has the default's effect from here on."""
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        self._woken.close()
        self._waking.close()

    def is_set(self) -> bool:
        """Tell whether a signal has come."""
        return self._number is not None

    def wait(self) -> None:
        """Return when a signal has come."""
        while self._number is None:
            with contextlib.suppress(InterruptedError):
                self._woken.recv(1)
        LOG.info("%s: draining", signal.Signals(self._number).name)

    def _keep(self, number: int, _frame: FrameType | None) -> None:
        # Nothing that takes a lock: this runs between any two steps of the main thread.
        self._number = number
        signal.signal(number, signal.SIG_DFL)
