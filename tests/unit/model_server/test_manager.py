"""A model that has answered goes on answering, whatever happens to its versions."""

import threading
import time

import grpc
import pytest

from model_server.errors import StatusError
from model_server.loading import Loader
from model_server.manager import Manager, State
from tests.unit.model_server.fakes import predict_request, write_warmup

BROKEN = StatusError(grpc.StatusCode.NOT_FOUND, "no model here")


def wait_for(condition):
    for _ in range(1000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError


def states(manager, name="pizza"):
    return {one.version: one.state.name for one in manager.status(name)}


def serving(manager):
    with manager.acquire("pizza") as servable:
        return servable.version


@pytest.fixture
def aspire(manager, base_path):
    """Say which versions shall serve; by default, wait until each has been tried."""

    def aspire(*numbers, wait=True):
        manager.aspire("pizza", {number: base_path / str(number) for number in numbers})
        if wait and numbers:
            manager.wait_until_loaded(["pizza"])

    return aspire


def test_a_version_becomes_available(manager, aspire):
    """A version that is wanted is loaded and serves."""
    aspire(1)
    assert {1: "AVAILABLE"} == states(manager)
    assert 1 == serving(manager)


def test_the_newest_version_answers(manager, aspire):
    """A request without a version gets the newest; one with a number gets that."""
    aspire(1, 2)
    assert 2 == serving(manager)
    with manager.acquire("pizza", 1) as servable:
        assert 1 == servable.version


def test_old_version_serves_until_the_new_one_has_loaded(manager, aspire, fake):
    """Hot reload has no moment without an answer."""
    aspire(1)
    fake.gates[2] = threading.Event()
    aspire(2, wait=False)
    wait_for(lambda: states(manager) == {1: "AVAILABLE", 2: "LOADING"})
    assert 1 == serving(manager)
    fake.gates[2].set()
    wait_for(lambda: states(manager) == {1: "END", 2: "AVAILABLE"})
    assert 2 == serving(manager)
    assert fake.engines[1].closed


def test_old_version_serves_until_the_new_one_has_answered_its_warm_up(manager, aspire, fake, base_path):
    """Loaded is not enough: what cannot answer its recorded request does not replace what can."""
    aspire(1)
    write_warmup(base_path / "2", predict_request())
    fake.cannot_run[2] = StatusError(grpc.StatusCode.FAILED_PRECONDITION, "no variables")
    aspire(2, wait=False)
    wait_for(lambda: states(manager) == {1: "AVAILABLE", 2: "END"})
    error = manager.status("pizza")[0].error
    assert (grpc.StatusCode.FAILED_PRECONDITION, "the warm-up failed: no variables") == (error.code, error.message)
    assert 1 == serving(manager)
    assert fake.engines[2].closed


@pytest.mark.parametrize("error", [BROKEN, RuntimeError("any exception of a library")])
def test_broken_version_leaves_the_old_one(manager, aspire, fake, error):
    """A version that cannot be loaded ends with its error, and the old one goes on."""
    aspire(1)
    fake.broken[2] = error
    aspire(2, wait=False)
    wait_for(lambda: states(manager) == {1: "AVAILABLE", 2: "END"})
    assert 1 == serving(manager)
    assert manager.status("pizza")[0].error is not None
    aspire(1)
    assert {1: "AVAILABLE", 2: "END"} == states(manager)


def test_broken_version_is_not_loaded_at_every_poll(manager, aspire, fake):
    """While its files stay as they are, a broken version stays ended."""
    fake.broken[2] = BROKEN
    aspire(1, 2)
    for _ in range(3):
        aspire(1, 2)
    assert 1 == fake.loads.count(2)


def test_broken_version_is_tried_again_when_its_files_change(manager, aspire, fake, base_path):
    """A version that was still being copied serves once it is whole."""
    fake.broken[2] = BROKEN
    aspire(1, 2)
    del fake.broken[2]
    (base_path / "2" / "model.tflite").write_bytes(b"whole")
    aspire(1, 2, wait=False)
    wait_for(lambda: states(manager) == {1: "AVAILABLE", 2: "AVAILABLE"})


def test_rollback_loads_the_old_version_again(manager, aspire):
    """A version that was unloaded serves again when it is wanted again."""
    aspire(1)
    aspire(2)
    wait_for(lambda: states(manager) == {1: "END", 2: "AVAILABLE"})
    aspire(1)
    wait_for(lambda: states(manager) == {1: "AVAILABLE", 2: "END"})
    assert 1 == serving(manager)


def test_model_without_wanted_versions_is_unloaded(manager, aspire):
    """A model whose directory is emptied, or that leaves the configuration, serves no longer."""
    aspire(1)
    aspire()
    wait_for(lambda: states(manager) == {1: "END"})
    with pytest.raises(StatusError) as raised:
        serving(manager)
    assert grpc.StatusCode.NOT_FOUND == raised.value.code


def test_version_in_use_is_unloaded_after_its_last_request(manager, aspire, fake):
    """A request under way is never cut off by a reload."""
    aspire(1)
    with manager.acquire("pizza") as servable:
        aspire(2)
        wait_for(lambda: states(manager) == {1: "UNLOADING", 2: "AVAILABLE"})
        assert 1 == servable.version
        assert not fake.engines[1].closed
        assert 2 == serving(manager)
    wait_for(lambda: fake.engines[1].closed)


@pytest.mark.parametrize(
    ("version", "message"),
    [(None, r"Servable not found for request: Latest\(tea\)"), (9, r"not found for request: Specific\(tea, 9\)")],
)
def test_unknown_model(manager, version, message):
    """A model that is not served is NOT_FOUND, in the original's words."""
    with pytest.raises(StatusError, match=message) as raised, manager.acquire("tea", version):
        pass
    assert grpc.StatusCode.NOT_FOUND == raised.value.code


def test_loads_are_retried(fake, metrics, base_path):
    """A load that fails is tried again as often as the flag says, and not once more."""
    manager = Manager(Loader(metrics, load_engine=fake), max_retries=2, retry_wait_s=0)
    fake.broken[1] = BROKEN
    manager.aspire("pizza", {1: base_path / "1"})
    with pytest.raises(StatusError, match=r"1 model\(s\) did not become available: .*no model here") as raised:
        manager.wait_until_loaded(["pizza"])
    assert grpc.StatusCode.UNKNOWN == raised.value.code
    assert [1, 1, 1] == fake.loads


def test_version_that_is_no_longer_wanted_is_not_retried(fake, metrics, base_path):
    """A broken version that is taken away does not block the one that replaces it."""
    manager = Manager(Loader(metrics, load_engine=fake), max_retries=5, retry_wait_s=3600)
    fake.broken[1] = BROKEN
    manager.aspire("pizza", {1: base_path / "1"})
    wait_for(lambda: fake.loads == [1])
    manager.aspire("pizza", {2: base_path / "2"})
    manager.wait_until_loaded(["pizza"])
    wait_for(lambda: states(manager) == {1: "END", 2: "AVAILABLE"})
    manager.stop(10)


def test_version_whose_files_change_is_retried_at_once(fake, metrics, base_path):
    """A version that is being copied need not wait for the retry interval."""
    manager = Manager(Loader(metrics, load_engine=fake), max_retries=5, retry_wait_s=3600)
    fake.broken[1] = BROKEN
    manager.aspire("pizza", {1: base_path / "1"})
    wait_for(lambda: manager._models["pizza"].versions[1].last_error is not None)
    del fake.broken[1]
    (base_path / "1" / "model.tflite").write_bytes(b"whole")
    manager.aspire("pizza", {1: base_path / "1"})
    wait_for(lambda: states(manager) == {1: "AVAILABLE"})
    manager.stop(10)


def test_waiting_for_models_can_be_cancelled(manager):
    """A signal ends the wait for a model without versions."""
    manager.wait_until_loaded(["pizza"], is_cancelled=lambda: True)


def test_start_needs_one_version_of_each_model(manager, aspire, fake):
    """A model with a broken version beside a sound one starts; the status tells."""
    fake.broken[2] = BROKEN
    aspire(1, 2)
    assert {1: "AVAILABLE", 2: "END"} == states(manager)


def test_stop_waits_for_requests(manager, aspire, fake):
    """Draining closes a model after its last answer."""
    aspire(1)
    release = threading.Event()
    held = threading.Event()

    def hold():
        with manager.acquire("pizza"):
            held.set()
            release.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(10)
    assert not manager.stop(0.01)
    assert not fake.engines[1].closed
    release.set()
    thread.join()


def test_stop_unloads(manager, aspire, fake):
    """After a stop nothing is loaded, and nothing new is."""
    aspire(1)
    assert manager.stop(10)
    assert fake.engines[1].closed
    aspire(2, wait=False)
    assert {1: "END"} == states(manager)


def test_states_are_the_protocol_s():
    """The numbers are those of ModelVersionStatus.State."""
    from serving_api import serving_pb2 as pb

    assert {state.name: state.value for state in State} == {
        name: number for name, number in pb.ModelVersionStatus.State.items() if name != "UNKNOWN"
    }
