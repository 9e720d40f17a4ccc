"""The breaker opens where nobody answers, and only there; tests/faults has real servers that die and freeze."""

import threading
import time

import grpc
import pytest

from serving_api import errors
from serving_api.breaker import PROBES_TO_OPEN, Breaker
from serving_api.channel import open_channel
from serving_api.client import FAIR_S, ModelServer
from serving_api.deadline import Deadline
from tests.unit.serving_api.test_client import IMAGE, Server


class Probes:
    """Answers probes as told, and counts them."""

    def __init__(self, *answers):
        self.answers = list(answers)  # the last one for ever
        self.asked = 0

    def __call__(self):
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def wait_until(holds):
    end_s = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < end_s
        time.sleep(0.005)


def test_a_suspicion_alone_refuses_nobody():
    """A call that failed opens nothing while the probe is answered."""
    probes = Probes(True)
    breaker = Breaker(probes, interval_s=0.01)
    breaker.suspect()
    wait_until(lambda: breaker._watching is None)
    breaker.check()
    assert 1 == probes.asked


def test_one_failed_probe_is_no_proof():
    """The first probe may have met the one server of several that is gone."""
    breaker = Breaker(Probes(*[False] * (PROBES_TO_OPEN - 1), True), interval_s=60)
    breaker.suspect()
    wait_until(lambda: breaker._watching is None)
    assert not breaker.is_open


def test_no_server_opens_and_its_return_closes(caplog):
    """While no probe is answered calls are refused; the first one answered lets them through; each is said once."""
    probes = Probes(False)
    breaker = Breaker(probes, interval_s=0.01)
    breaker.suspect()
    wait_until(lambda: breaker.is_open and probes.asked > PROBES_TO_OPEN + 3)
    with pytest.raises(errors.ModelUnavailable):
        breaker.check()
    probes.answers = [True]
    wait_until(lambda: breaker._watching is None)
    breaker.check()
    assert ["does not answer", "answers again"] == [
        words
        for record in caplog.records
        for words in ("does not answer", "answers again")
        if words in record.getMessage()
    ]


def test_an_answer_beside_the_probes_keeps_it_closed():
    """Where one of two servers answers calls, probes that meet the other one open nothing."""
    met = threading.Event()

    def probe():
        met.set()
        breaker.answered()
        return False

    breaker = Breaker(probe, interval_s=60)
    breaker.suspect()
    assert met.wait(10)
    wait_until(lambda: breaker._watching is None)
    assert not breaker.is_open


def test_many_suspicions_make_one_watch():
    """However many calls fail, one thread probes; stop ends it."""
    probes = Probes(False)
    breaker = Breaker(probes, interval_s=0.05)
    for _ in range(100):
        breaker.suspect()
    names = [thread.name for thread in threading.enumerate()]
    assert 1 == names.count("breaker")
    breaker.stop()
    wait_until(lambda: breaker._watching is None)
    breaker.suspect()
    assert breaker._watching is None


@pytest.fixture
def server():
    running = Server()
    yield running
    running.server.stop(None).wait()


@pytest.fixture
def client(server):
    opened = ModelServer(open_channel(f"127.0.0.1:{server.port}"))
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
    with pytest.raises(errors.ModelUnavailable, match="asked again"):
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
