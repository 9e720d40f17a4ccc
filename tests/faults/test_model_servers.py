"""Model servers die, freeze, leave and come back under load; users notice as little as can be.

A request that is answered 429 counts as failed in the figures, too: it was not answered with probabilities. A machine
that is busy with other things makes 429 of any load, so no test fails for it; how long things took is in the figures.
"""

import signal
import time
from functools import partial

import pytest

from gateway.settings import Settings
from serving_api.channel import open_channel
from serving_api.client import ModelServer
from serving_api.deadline import Deadline
from tests.contract.server_process import wait_until
from tests.faults.rig import Rig, is_problem
from tests.faults.wire import Wire
from tests.unit.serving_api.test_client import IMAGE, Server

pytestmark = pytest.mark.faults

RATE = 10.0
SETTLE_S = 2.0


@pytest.fixture
def rig(tmp_path):
    made = Rig(tmp_path)
    yield made
    made.close()


@pytest.fixture
def single(tmp_path):
    made = Rig(tmp_path, count=1)
    yield made
    made.close()


def ends_s(outcomes, since_s):
    """When the last of these failures was told, seconds since then; 0 where none failed."""
    return max((one.sent_s + one.took_s - since_s for one in outcomes if one.answer != "200"), default=0.0)


def answers(rig):
    return rig.predict()[0] == 200


def test_a_server_is_killed(rig, figures):
    """SIGKILL one of two, three times, each time started again: nobody's request fails."""
    with rig.load(RATE) as load:
        for index in (0, 1, 0):
            time.sleep(SETTLE_S)
            rig.send(index, signal.SIGKILL)
            time.sleep(SETTLE_S)
            rig.start(index)
        time.sleep(SETTLE_S)
    all_of_it = load.between()
    figures.add("one of two killed three times: failed", all_of_it.failures.total(), f"of {all_of_it.sent}", at_most=0)
    figures.add("one of two killed three times: p99", all_of_it.percentile_s(99), "s")
    assert {"429"} >= set(all_of_it.failures)


def test_servers_are_replaced(rig, figures):
    """SIGTERM one after the other, each started again, as a rolling update does: nobody's request fails."""
    with rig.load(RATE) as load:
        for index in (0, 1):
            time.sleep(SETTLE_S)
            rig.send(index, signal.SIGTERM)
            rig.start(index)
        time.sleep(SETTLE_S)
    all_of_it = load.between()
    figures.add("both replaced in turn: failed", all_of_it.failures.total(), f"of {all_of_it.sent}", at_most=0)
    assert {"429"} >= set(all_of_it.failures)


def test_a_server_freezes(rig, figures):
    """SIGSTOP one of two: the other one takes over within twelve seconds, and nothing fails when it thaws."""
    with rig.load(RATE) as load:
        time.sleep(SETTLE_S)
        frozen_s = load.elapsed_s
        rig.send(0, signal.SIGSTOP)
        time.sleep(14)  # failures have to end within twelve
        thawed_s = load.elapsed_s
        rig.send(0, signal.SIGCONT)
        time.sleep(6)
    during = load.between(frozen_s, thawed_s)
    figures.add("one of two frozen: failed", during.failures.total(), f"of {during.sent}")
    figures.add("one of two frozen: failures end after", ends_s(during.outcomes, frozen_s), "s", at_most=12)
    assert {"429"} >= set(load.between(frozen_s + 12).failures)
    assert {"429", "504"} >= set(during.failures)


def test_all_servers_are_gone(single, figures):
    """Without a model server every request hears 503 soon, probes tell it from death, and its return is noticed."""
    assert answers(single)
    with single.load(RATE) as load:
        time.sleep(SETTLE_S)
        gone_s = load.elapsed_s
        single.send(0, signal.SIGKILL)
        begin_s = time.monotonic()
        status, problem = single.predict()
        figures.add("all gone: first 503 after", time.monotonic() - begin_s, "s", at_most=1)
        assert status in (429, 503)
        assert is_problem(problem)
        time.sleep(3)
        assert (200, 503) == (single.call("/healthz"), single.call("/readyz"))
        back_s = load.elapsed_s
        time.sleep(0.5)
        single.start(0)
        opened_s = time.monotonic()
        wait_until(lambda: answers(single), 30, single.servers[0].log)
        took_s = time.monotonic() - opened_s
    gone = load.between(gone_s + 0.5, back_s)
    slowest_s = max(one.took_s for one in gone.outcomes)
    figures.add("all gone: slowest 503", slowest_s, "s", at_most=1)
    figures.add("all gone: back after", took_s, "s", at_most=5)
    assert {"503": gone.sent} == gone.failures
    assert 200 == single.call("/readyz")


def test_all_servers_freeze(single, figures):
    """A single server that hangs costs a user ten seconds at most, and after twelve nobody waits for it."""
    assert answers(single)
    with single.load(RATE) as load:
        time.sleep(SETTLE_S)
        frozen_s = load.elapsed_s
        single.send(0, signal.SIGSTOP)
        time.sleep(16)
        assert (200, 503) == (single.call("/healthz"), single.call("/readyz"))
        thawed_s = load.elapsed_s
        time.sleep(0.5)
        single.send(0, signal.SIGCONT)
        begin_s = time.monotonic()
        wait_until(lambda: answers(single), 30, single.servers[0].log)
        took_s = time.monotonic() - begin_s
    late = load.between(frozen_s + 12, thawed_s)
    waiting_s = max(
        one.sent_s + one.took_s - frozen_s for one in load.between(frozen_s, thawed_s).outcomes if one.took_s > 1
    )
    figures.add("all frozen: nobody waits after", waiting_s, "s", at_most=12)
    figures.add("all frozen: slowest 503 then", max(one.took_s for one in late.outcomes), "s", at_most=1)
    figures.add("all frozen: back after", took_s, "s", at_most=5)
    assert {"503": late.sent} == late.failures
    assert {"429", "503", "504"} >= set(load.between(frozen_s, thawed_s).failures)


@pytest.fixture
def wired(tmp_path):
    """One server behind a wire."""
    wires = []

    def make(port):
        wires.append(Wire(port))
        return f"127.0.0.1:{wires[0].port}"

    made = Rig(tmp_path, count=1, target=make)
    yield made, wires[0]
    made.close()
    wires[0].close()


def test_connections_are_half_open(wired, figures):
    """Connections that look alive and carry nothing, as a load balancer leaves them, are given up and made anew."""
    rig, wire = wired
    with rig.load(RATE) as load:
        time.sleep(SETTLE_S)
        cut_s = load.elapsed_s
        wire.strand()
        time.sleep(14)
    during = load.between(cut_s)
    figures.add("half-open: failures end after", ends_s(during.outcomes, cut_s), "s", at_most=12)
    assert {"429"} >= set(load.between(cut_s + 12).failures)
    assert {"429", "504"} >= set(during.failures)


def test_the_network_is_gone_for_a_while(wired, figures):
    """While packets vanish nobody waits long, and their return is noticed."""
    rig, wire = wired
    assert answers(rig)
    wire.hold()
    status, problem = rig.predict()
    assert status in (503, 504)
    assert is_problem(problem)
    wait_until(lambda: rig.predict()[0] == 503, 30, rig.servers[0].log)
    begin_s = time.monotonic()
    assert 503 == rig.predict()[0]
    figures.add("network gone: 503 after", time.monotonic() - begin_s, "s", at_most=1)
    wire.release()
    begin_s = time.monotonic()
    wait_until(lambda: answers(rig), 30, rig.servers[0].log)
    figures.add("network gone: back after", time.monotonic() - begin_s, "s", at_most=5)


def test_a_server_with_grpcs_defaults_suffers_being_asked():
    """A call as long as the gateway's time limit is answered at the first try by a server that was told nothing."""
    server = Server()
    server.delay_s = Settings().timeout_s - 0.3
    client = ModelServer(partial(open_channel, f"127.0.0.1:{server.port}"))
    assert 7 == client.predict("pizza", {"image": IMAGE}, Deadline.after(server.delay_s + 5)).version
    assert 1 == server.calls
    client.close()
    server.server.stop(None).wait()
