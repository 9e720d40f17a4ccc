"""Rules of the bounded queues."""

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from gateway import capacity
from gateway.capacity import ClientDeadline, Patience, Pool, Stage
from gateway.metrics import Metrics
from gateway.problems import DECODE_OVER_CAPACITY, FETCH_OVER_CAPACITY, Problem


def deadline(seconds=30.0):
    return ClientDeadline(time.monotonic() + seconds)


def stage(places=1, room=1):
    return Stage("decode", places, room, DECODE_OVER_CAPACITY, Metrics())


def pool(places=1, room=1):
    return Pool("fetch", places, room, FETCH_OVER_CAPACITY, Metrics())


def eventually(holds):
    end_s = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < end_s
        time.sleep(0.001)


def kind_of(future):
    problem = future.exception(timeout=10)
    assert isinstance(problem, Problem)
    return problem.kind.name


class Busy:
    """A stage whose places are all taken until `leave` is set."""

    def __init__(self, places=1, room=1):
        self.stage = stage(places, room)
        self.leave = threading.Event()
        self.done = []
        self.threads = ThreadPoolExecutor(8)
        for number in range(places):
            self.enter(number)
        eventually(lambda: self.stage._free == 0)

    def enter(self, number, until=None):
        def work():
            with self.stage.place(until or deadline()):
                self.done.append(number)
                self.leave.wait(10)

        return self.threads.submit(work)

    @property
    def waiting(self):
        return len(self.stage._queue)


def test_no_more_than_places_work_and_room_waits():
    """Beyond places and room a request is refused at once, by the stage's own problem."""
    busy = Busy(places=2, room=1)
    waits = busy.enter(2)
    eventually(lambda: busy.waiting == 1)
    assert "decode-over-capacity" == kind_of(busy.enter(3))
    assert [0, 1] == sorted(busy.done)
    busy.leave.set()
    assert waits.result(10) is None
    assert [0, 1, 2] == sorted(busy.done)


def test_first_come_first_served():
    """Those who wait get places in the order in which they came."""
    busy = Busy(room=4)
    for number in (1, 2, 3):
        busy.enter(number)
        eventually(lambda number=number: busy.waiting == number)
    busy.leave.set()
    eventually(lambda: len(busy.done) == 4)
    assert [0, 1, 2, 3] == busy.done


def test_a_place_comes_back_whatever_happens():
    """Work that fails gives its place back."""
    one = stage(room=0)
    for _ in range(3):
        with pytest.raises(RuntimeError), one.place(deadline()):
            raise RuntimeError
    with one.place(deadline()):
        pass


def test_nobody_waits_beyond_the_deadline():
    """A wait ends with the request's time, and the queue forgets the request."""
    busy = Busy()
    assert "out-of-time" == kind_of(busy.enter(1, deadline(0.05)))
    assert 0 == busy.waiting
    assert "out-of-time" == kind_of(busy.enter(1, deadline(0.0)))
    busy.leave.set()


def test_a_client_that_leaves_ends_its_wait():
    """Nobody waits for a client that is gone, and its turn goes to the next."""
    busy = Busy(room=2)
    until = deadline()
    gone, stays = busy.enter(1, until), busy.enter(2)
    eventually(lambda: busy.waiting == 2)
    until.leave()
    assert "client-gone" == kind_of(gone)
    busy.leave.set()
    assert stays.result(10) is None
    assert [0, 2] == busy.done


def test_a_place_given_to_a_client_that_leaves_goes_on():
    """Where place and leaving come together, the place is not lost."""
    for _ in range(50):
        busy = Busy(room=2)
        until = deadline()
        first, second = busy.enter(1, until), busy.enter(2)
        eventually(lambda busy=busy: busy.waiting == 2)
        for act in (until.leave, busy.leave.set):
            busy.threads.submit(act)
        assert second.result(10) is None
        assert first.exception(10) is None or "client-gone" == kind_of(first)
        eventually(lambda busy=busy: busy.stage._free == 1)
        busy.threads.shutdown()


def test_patience_is_for_bursts():
    """Who joins a new queue waits through a burst; who joins one that has long not been empty, only for a moment."""
    patience = Patience(0.5)
    assert 0.2 < patience.join(empty=True) <= 0.6
    patience._began_s -= 0.4
    assert 0.0 < patience.join(empty=False) < 0.2
    patience._began_s -= 10.0
    assert 0.0 < patience.join(empty=False) < 0.1


def test_a_jam_is_over_when_nobody_waited_for_a_while():
    """A queue that is empty for an instant, between two who wait, is the same jam; after a calm it is a new burst."""
    patience = Patience(0.5)
    patience.join(empty=True)
    patience._began_s -= 10.0
    patience._seen_s += 1.0  # just now, however slow this machine is
    assert patience.join(empty=True) < 0.1
    patience._seen_s += 1.0
    assert patience.is_jam
    patience._seen_s -= 2.0
    assert not patience.is_jam
    assert patience.join(empty=True) > 0.2
    patience._began_s -= 10.0
    patience._seen_s -= 2.0
    patience.left()
    assert patience.is_jam  # who waited until now is seen by nobody but itself


def test_no_patience_no_place(monkeypatch):
    """Who waits in vain is refused by the stage's own problem, and the queue forgets it."""
    monkeypatch.setattr(capacity, "_BURST_S", 0.05)
    busy = Busy(room=8)
    assert "decode-over-capacity" == kind_of(busy.enter(1))
    assert 0 == busy.waiting
    busy.leave.set()


def test_a_client_that_leaves_has_no_time_left():
    """Whoever works for a client hears that it is gone from the deadline, also from a shorter one made of it."""
    whole = deadline()
    part = whole.within(5.0)
    assert 4.0 < part.remaining_s() <= 5.0
    assert whole.within(100.0).remaining_s() <= 30.0
    whole.leave()
    assert (True, 0.0) == (part.expired, part.remaining_s())


def test_a_pool_takes_places_and_room():
    """Beyond them work is not begun; what ends makes room."""
    limited, futures = pool(places=1, room=1), [Future(), Future(), Future()]
    for future in futures[:2]:
        limited.begin(lambda future=future: future)
    with pytest.raises(Problem, match="fetched"):
        limited.begin(lambda: pytest.fail("begun"))
    futures[0].set_result(b"")
    limited.begin(lambda: futures[2])


def test_a_pool_forgets_what_cannot_begin():
    """Work whose start fails takes no room."""
    limited = pool(places=1, room=0)
    for _ in range(2):
        with pytest.raises(RuntimeError):
            limited.begin(lambda: (_ for _ in ()).throw(RuntimeError()))
    limited.begin(Future)


def test_a_pools_work_is_left_behind():
    """Work that does not end in time, or whose client leaves, is given up."""
    limited = pool(room=2)
    endless = limited.begin(Future)
    with pytest.raises(Problem, match="No time was left to fetch"):
        limited.result(endless, deadline(0.01))
    assert endless.cancelled()
    until = deadline()
    threading.Timer(0.05, until.leave).start()
    with pytest.raises(Problem, match="went away"):
        limited.result(limited.begin(Future), until)


def test_a_client_rests_while_a_host_is_waited_for():
    """What counts a request is told while no thread works for it."""
    seen, future = [], Future()

    @contextmanager
    def resting():
        seen.append("rests")
        future.set_result(b"picture")
        yield
        seen.append("goes on")

    limited, until = pool(), ClientDeadline(time.monotonic() + 30, resting)
    assert b"picture" == limited.result(limited.begin(lambda: future), until)
    assert ["rests", "goes on"] == seen
