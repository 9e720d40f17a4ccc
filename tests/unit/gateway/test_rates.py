"""Rules of the rate limit."""

import random
import threading

from gateway.rates import Limiter, Rate


class Clock:
    now_s = 1000.0

    def __call__(self):
        return self.now_s


def test_burst_then_rate():
    """A caller has its burst at once, then one request each interval; the wait that it is told is enough."""
    clock, rate = Clock(), Rate(2.0, 5)
    limiter = Limiter(clock=clock)
    assert [0.0] * 5 == [limiter.take("a", rate) for _ in range(5)]
    wait_s = limiter.take("a", rate)
    assert 0.0 < wait_s <= 0.5
    clock.now_s += wait_s
    assert 0.0 == limiter.take("a", rate)
    assert 0.0 < limiter.take("a", rate)
    clock.now_s += 3600.0
    assert [True] * 5 + [False] == [limiter.take("a", rate) == 0.0 for _ in range(6)]


def test_callers_do_not_share():
    """What one has used up is no other's loss."""
    limiter = Limiter(clock=Clock())
    assert [0.0, 0.0] == [limiter.take(name, Rate(1.0, 1)) for name in ("a", "b")]
    assert 0.0 < limiter.take("a", Rate(1.0, 1))


def test_a_refused_request_is_not_counted():
    """A caller that goes on while it is refused waits no longer for it."""
    clock, rate = Clock(), Rate(1.0, 1)
    limiter = Limiter(clock=clock)
    limiter.take("a", rate)
    assert 1.0 == limiter.take("a", rate) == limiter.take("a", rate)


def test_charges_are_waited_for():
    """A request that was worth nine makes its caller wait for nine."""
    clock, rate = Clock(), Rate(1.0, 2)
    limiter = Limiter(clock=clock)
    assert 0.0 == limiter.take("a", rate)
    limiter.charge("a", rate, 8)
    assert 8.0 == limiter.take("a", rate)


def test_any_pattern_keeps_to_the_rate():
    """However requests come, none more than burst + rate x time go through."""
    dice = random.Random(7)
    for _ in range(50):
        clock, rate = Clock(), Rate(dice.uniform(0.1, 50.0), dice.randint(1, 30))
        limiter, began_s, passed = Limiter(clock=clock), clock.now_s, 0
        for _ in range(500):
            clock.now_s += dice.expovariate(2 * rate.per_s)
            passed += limiter.take("a", rate) == 0.0
            assert passed <= rate.burst + rate.per_s * (clock.now_s - began_s) + 1e-6


def test_threads_count_together():
    """Requests of one caller at the same moment are counted each."""
    limiter, rate, passed = Limiter(clock=Clock()), Rate(1.0, 100), []
    threads = [
        threading.Thread(target=lambda: passed.extend(limiter.take("a", rate) == 0.0 for _ in range(50)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 100 == sum(passed)


def test_memory_is_bounded():
    """Of a flood of addresses only the last are remembered, and one that keeps asking stays among them."""
    clock, rate = Clock(), Rate(1.0, 1)
    limiter = Limiter(max_callers=100, clock=clock)
    limiter.take("loud", rate)
    for number in range(10_000):
        limiter.take(f"address {number}", rate)
        limiter.charge("loud", rate, 0) if number % 50 == 0 else None
    assert 100 == len(limiter)
    assert 0.0 < limiter.take("loud", rate)
