"""What polls begins when it is told, and is over when stop returns."""

import threading

from model_server.polling import Poller


class Counts(Poller):
    def __init__(self, wait_s):
        super().__init__("counts", wait_s)
        self.polls = 0
        self.polled, self.leave = threading.Event(), threading.Event()

    def poll(self):
        self.polled.set()
        self.leave.wait(10)
        self.polls += 1


def test_a_poll_under_way_is_finished():
    """Stop waits for the poll that has begun, and no other one begins."""
    poller = Counts(0.001)
    poller.start()
    assert poller.polled.wait(10)
    threading.Timer(0.1, poller.leave.set).start()
    poller.stop()
    assert poller.polls >= 1
    assert not poller._thread.is_alive()


def test_no_wait_is_no_poll():
    """0 seconds mean never, not without a pause; stopping what never began is harmless."""
    poller = Counts(0)
    poller.start()
    poller.stop()
    assert not poller.polled.is_set()
