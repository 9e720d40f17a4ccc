"""A server that is told to stop stops, whichever thread is told."""

import os
import signal
import threading
import time

import pytest

from model_server.stopping import StopSignal


@pytest.fixture(autouse=True)
def signals():
    """Put back what a process may change for good."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def kill_after(seconds, number):
    """Send this process a signal from another thread, after a while."""

    def kill():
        time.sleep(seconds)
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=kill)
    thread.start()
    return thread


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_wait(number):
    """The wait ends when the signal comes."""
    with StopSignal() as stop:
        assert not stop.is_set()
        thread = kill_after(0.1, number)
        stop.wait()
        thread.join()
        assert stop.is_set()


def test_a_signal_before_the_wait_is_kept():
    """A signal that came while models were loaded ends the wait before it begins."""
    with StopSignal() as stop:
        signal.raise_signal(signal.SIGTERM)
        assert stop.is_set()
        stop.wait()


def test_a_signal_that_another_thread_gets_ends_the_wait():
    """The kernel may give a signal to any thread; the main one, asleep, is woken all the same."""
    with StopSignal() as stop:
        thread = kill_after(0.3, signal.SIGTERM)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        try:
            stop.wait()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
            thread.join()


def test_a_second_signal_has_its_own_effect():
    """After the first, the default is back: a second one ends the process."""
    with StopSignal():
        signal.raise_signal(signal.SIGTERM)
        assert signal.SIG_DFL == signal.getsignal(signal.SIGTERM)
