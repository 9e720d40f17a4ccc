"""The breaker opens where nobody answers, and only there; tests/faults has real servers that die and freeze."""

import gc
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import grpc
import pytest

from serving_api import errors
from serving_api.breaker import FAILURES_TO_OPEN, Breaker
from serving_api.channel import open_channel
from serving_api.client import FAIR_S, SILENT_S, ModelServer
from serving_api.deadline import Deadline
from tests.unit.serving_api.test_client import IMAGE, Server


class Line:
    """Connects as told, and counts what is asked of it."""

    def __init__(self, *connects):
        self.connects = list(connects)  # the last one for ever
        self.dialled = self.hung_up = 0

    def reach(self):
        self.dialled += 1
        return self.connects.pop(0) if len(self.connects) > 1 else self.connects[0]

    def hang_up(self):
        self.hung_up += 1


def breaker_of(line, pause_s=0.01):
    return Breaker(line.reach, line.hang_up, pause_s)


def wait_until(holds):
    end_s = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < end_s
        time.sleep(0.005)


def test_a_suspicion_alone_refuses_nobody():
    """A call that failed opens nothing while the server can be reached."""
    line = Line(True)
    breaker = breaker_of(line)
    breaker.suspect()
    wait_until(lambda: breaker._watching is None)
    breaker.check()
    assert (1, 0) == (line.dialled, line.hung_up)


def test_one_failure_is_no_proof():
    """Bad luck once cuts nothing off."""
    line = Line(*[False] * (FAILURES_TO_OPEN - 1), True)
    breaker = breaker_of(line)
    breaker.suspect()
    wait_until(lambda: breaker._watching is None)
    assert (FAILURES_TO_OPEN, 0) == (line.dialled, line.hung_up)


def test_no_server_opens_and_its_return_closes(caplog):
    """While nobody is reached calls are refused, those under way too; then they pass; each is said once."""
    line = Line(False)
    breaker = breaker_of(line)
    breaker.suspect()
    wait_until(lambda: breaker.is_open and line.dialled > FAILURES_TO_OPEN + 3)
    with pytest.raises(errors.ModelUnavailable):
        breaker.check()
    assert 1 == line.hung_up
    line.connects = [True]
    wait_until(lambda: breaker._watching is None)
    breaker.check()
    said = [record.getMessage() for record in caplog.records]
    assert [True, False] == ["refused" in words for words in said]


def test_an_answer_meanwhile_keeps_it_closed():
    """Where calls are answered, attempts to connect that fail prove nothing."""
    line = Line(False)
    breaker = Breaker(lambda: breaker.answered() or line.reach(), line.hang_up, 0.01)
    breaker.suspect()
    wait_until(lambda: breaker._watching is None)
    assert (1, 0) == (line.dialled, line.hung_up)


def test_many_suspicions_are_one():
    """However many calls fail, one thread tries, and not at once again; stop ends it."""
    line = Line(True)
    breaker = breaker_of(line, pause_s=60)
    for _ in range(100):
        breaker.suspect()
    wait_until(lambda: line.dialled == 1)
    assert 1 == [thread.name for thread in threading.enumerate()].count("breaker")
    breaker.stop()
    assert breaker._watching is None
    breaker.suspect()
    assert 1 == line.dialled


@pytest.fixture
def server():
    running = Server()
    yield running
    running.server.stop(None).wait()


@pytest.fixture
def client(server):
    opened = ModelServer(partial(open_channel, f"127.0.0.1:{server.port}"))
    yield opened
    opened.close()


def test_a_dead_server_is_given_up_and_taken_back(server, client):
    """Calls to a server that is gone are refused in no time; soon after it is back they are answered."""
    client.predict("pizza", {"image": IMAGE}, Deadline.after(5))
    server.server.stop(None).wait()
    with pytest.raises(errors.ModelUnavailable):
        client.predict("pizza", {"image": IMAGE}, Deadline.after(5))
    wait_until(lambda: client.given_up)
    begin_s = time.monotonic()
    with pytest.raises(errors.ModelUnavailable, match="cannot be reached"):
        client.predict("pizza", {"image": IMAGE}, Deadline.after(5))
    assert time.monotonic() - begin_s < 0.1
    again = Server(server.port)
    wait_until(lambda: not client.given_up)
    assert 7 == client.predict("pizza", {"image": IMAGE}, Deadline.after(5)).version
    again.server.stop(None).wait()


def test_no_request_can_shut_others_out(server, client):
    """Calls that take the model too long, with much time or little, and refusals leave a server that lives trusted."""
    server.delay_s = FAIR_S + 0.5
    for timeout_s in (0.01, FAIR_S + 0.1, FAIR_S + 0.1, FAIR_S + 0.1):
        with pytest.raises(errors.ModelTimeout):
            client.predict("pizza", {"image": IMAGE}, Deadline.after(timeout_s))
    server.delay_s, server.failures = 0.0, [grpc.StatusCode.INVALID_ARGUMENT] * 3
    for _ in range(3):
        with pytest.raises(errors.InvalidRequest):
            client.predict("pizza", {"image": IMAGE}, Deadline.after(5))
    assert not client.given_up
    assert 7 == client.predict("pizza", {"image": IMAGE}, Deadline.after(5)).version


def test_a_full_queue_is_too_much_to_do(server, client):
    """TensorFlow Serving's full batching queue is no server that is gone, though both are UNAVAILABLE."""
    server.words = "The batch scheduling queue to which this task was submitted is full; currently 10 batches enqueued"
    server.failures = [grpc.StatusCode.UNAVAILABLE] * 9
    with pytest.raises(errors.OverCapacity):
        client.predict("pizza", {"image": IMAGE}, Deadline.after(5))
    assert client._breaker._watching is None


def test_calls_under_way_end_when_the_server_is_given_up(server, client):
    """A call that waits for a server which can no longer be reached hears so before its deadline."""
    server.delay_s = 5
    with ThreadPoolExecutor(1) as pool:
        begin_s = time.monotonic()
        waits = pool.submit(client.predict, "pizza", {"image": IMAGE}, Deadline.after(30))
        wait_until(lambda: server.calls == 1)
        client._hang_up()
        assert isinstance(waits.exception(), errors.ModelUnavailable)
        assert time.monotonic() - begin_s < 4


def test_a_silent_server_is_suspected_while_the_call_goes_on(server, client):
    """A call that waits long makes the client connect anew beside it, and gets its answer all the same."""
    server.delay_s, before = SILENT_S + 1, client._channel
    assert 7 == client.predict("pizza", {"image": IMAGE}, Deadline.after(30)).version
    assert client._channel is not before


def test_a_new_channel_replaces_one_in_doubt_and_leaks_nothing(server, client):
    """After a call without an answer the next one goes over a connection of its own; old ones are given back."""
    descriptors = Path("/proc/self/fd")
    if not descriptors.exists():
        pytest.skip("only Linux lists descriptors")
    for _ in range(30):
        before = client._channel
        assert client._reach()
        assert client._channel is not before
        assert 7 == client.predict("pizza", {"image": IMAGE}, Deadline.after(5)).version
    gc.collect()
    many = len(list(descriptors.iterdir()))
    for _ in range(30):
        client._reach()
        client.predict("pizza", {"image": IMAGE}, Deadline.after(5))
    del before
    gc.collect()
    wait_until(lambda: len(list(descriptors.iterdir())) <= many + 5)
