"""A server's parts around engines without a model."""

import pytest

from model_server.core import Core
from model_server.loading import Loader
from model_server.manager import Manager
from model_server.metrics import Metrics
from model_server.source import Source
from tests.unit.model_server.fakes import FakeLoader


@pytest.fixture
def fake():
    return FakeLoader()


@pytest.fixture
def metrics():
    return Metrics()


@pytest.fixture
def manager(fake, metrics):
    manager = Manager(Loader(metrics, load_engine=fake), max_retries=0, retry_wait_s=0.01, load_threads=4)
    yield manager
    for gate in fake.gates.values():
        gate.set()
    for engine in fake.engines.values():
        engine.gate.set()
    manager.stop(10)


@pytest.fixture
def core(manager, metrics):
    return Core(manager, Source(manager.aspire, poll_wait_s=0), metrics)


@pytest.fixture
def base_path(tmp_path):
    """A model directory with versions 1 and 2."""
    for number in ("1", "2"):
        (tmp_path / "pizza" / number).mkdir(parents=True)
    return tmp_path / "pizza"
