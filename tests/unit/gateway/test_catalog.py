"""Many requests ask what a model is by one question, and none waits for a server that hangs if it need not."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway.catalog import Catalog
from serving_api import errors
from serving_api.deadline import Deadline
from tests.unit.gateway.fakes import FakePredictor

TTL_S = 0.05


class Slow(FakePredictor):
    """Answers when it may."""

    def __init__(self):
        super().__init__()
        self.may = threading.Event()
        self.may.set()
        self.asked = threading.Event()

    def signatures(self, model, deadline, **options):
        self.asked.set()
        self.calls.append(("asked", model, 0))
        self.may.wait(10)
        return super().signatures(model, deadline, **options)


@pytest.fixture
def predictor():
    return Slow()


@pytest.fixture
def catalog(predictor):
    return Catalog(predictor, ("colour", "other"), {}, TTL_S)


def test_while_one_asks_the_others_go_on(predictor, catalog):
    """A model that was known a moment ago is used while the server is asked anew; other models are not in the way."""
    catalog.get("colour", Deadline.after(5))
    time.sleep(TTL_S * 2)
    predictor.may.clear()
    predictor.asked.clear()
    with ThreadPoolExecutor(1) as pool:
        asks = pool.submit(catalog.get, "colour", Deadline.after(5))
        assert predictor.asked.wait(5)
        begin_s = time.monotonic()
        assert 1 == catalog.get("colour", Deadline.after(5)).version
        assert time.monotonic() - begin_s < 1
        predictor.may.set()
        assert 1 == catalog.get("other", Deadline.after(5)).version
        assert 1 == asks.result().version


def test_a_failure_is_shared(predictor, catalog):
    """Those who waited for a question that failed do not ask it again one after the other."""
    predictor.fails = errors.ModelUnavailable("gone")
    predictor.may.clear()
    with ThreadPoolExecutor(8) as pool:
        asks = [pool.submit(catalog.get, "colour", Deadline.after(5)) for _ in range(8)]
        assert predictor.asked.wait(5)
        time.sleep(0.2)
        predictor.may.set()
        failures = [one.exception() for one in asks]
    assert [errors.ModelUnavailable] * 8 == [type(one) for one in failures]
    assert 1 == [name for name, *_ in predictor.calls].count("asked")
    with pytest.raises(errors.ModelUnavailable):
        catalog.get("colour", Deadline.after(5))
    assert 2 == [name for name, *_ in predictor.calls].count("asked")


def test_who_waits_gives_up_in_time(predictor, catalog):
    """A request that must wait for another's question waits no longer than it has."""
    predictor.may.clear()
    with ThreadPoolExecutor(1) as pool:
        asks = pool.submit(catalog.get, "colour", Deadline.after(5))
        assert predictor.asked.wait(5)
        with pytest.raises(errors.ModelTimeout):
            catalog.get("colour", Deadline.after(0.05))
        catalog.forget("colour", Deadline.after(0.05))
        predictor.may.set()
        assert 1 == asks.result().version


def test_what_is_forgotten_is_asked_anew(predictor, catalog):
    """A version that turned out to be gone is looked up again, before its time."""
    for _ in range(2):
        catalog.get("colour", Deadline.after(5))
    catalog.forget("colour", Deadline.after(5))
    catalog.get("colour", Deadline.after(5))
    assert 2 == [name for name, *_ in predictor.calls].count("asked")
