"""Requests share runs, within the limits that the operator set."""

import math
import threading
import time

import grpc
import numpy as np
import pytest
from google.protobuf import text_format

from model_server.batching import BatchingOptions, BatchQueue, BatchScheduler, read_options
from model_server.errors import StatusError
from serving_api import config_pb2
from serving_api.deadline import Deadline

FOREVER = Deadline.after(math.inf)


class Model:
    """Doubles x, notes each run, and waits for `gate` before it answers."""

    def __init__(self):
        self.runs = []
        self.gate = threading.Event()
        self.started = threading.Event()

    def __call__(self, inputs, outputs):
        self.runs.append((inputs["x"][:, 0].tolist(), outputs))
        self.started.set()
        assert self.gate.wait(10)
        return dict.fromkeys(outputs, inputs["x"] * 2)


@pytest.fixture
def model():
    return Model()


@pytest.fixture
def start(model):
    schedulers = []

    def start(**options):
        scheduler = BatchScheduler(BatchingOptions(**{"num_batch_threads": 1, **options}))
        schedulers.append(scheduler)
        return BatchQueue(scheduler, model)

    yield start
    model.gate.set()
    for scheduler in schedulers:
        scheduler.stop()


def rows(*values):
    return {"x": np.array([[value] for value in values], dtype=np.float32)}


class Call(threading.Thread):
    """A request in a thread of its own, and what became of it."""

    def __init__(self, queue, inputs, deadline=FOREVER, outputs=("y",)):
        super().__init__(daemon=True)
        self.result = self.error = None
        self._arguments = queue, inputs, outputs, deadline
        self.start()

    def run(self):
        queue, inputs, outputs, deadline = self._arguments
        try:
            self.result = queue.submit(inputs, outputs, deadline)
        except StatusError as error:
            self.error = error

    def answer(self):
        self.join(10)
        assert not self.is_alive()
        return self.result


def wait_for(condition):
    for _ in range(1000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError


def occupy(queue, model):
    """Keep the one thread busy, so that what comes next must queue."""
    call = Call(queue, rows(0))
    assert model.started.wait(10)
    return call


def queued(queue):
    return sum(batch.rows for batch in queue._scheduler.waiting)


def test_requests_that_wait_share_a_run(start, model):
    """While the thread is busy, requests gather, run as one, and each gets its own rows."""
    queue = start()
    occupy(queue, model)
    first = Call(queue, rows(1, 2))
    wait_for(lambda: queued(queue) == 2)
    second = Call(queue, rows(3))
    wait_for(lambda: queued(queue) == 3)
    model.gate.set()
    assert [[2.0], [4.0]] == first.answer()["y"].tolist()
    assert [[6.0]] == second.answer()["y"].tolist()
    assert [1.0, 2.0, 3.0] == model.runs[1][0]
    assert 2 == len(model.runs)


def test_requests_for_different_outputs_share_a_run(start, model):
    """A batch fetches all outputs that any of its requests wants; each gets only its own."""
    queue = start()
    occupy(queue, model)
    first = Call(queue, rows(1), outputs=("a",))
    wait_for(lambda: queued(queue) == 1)
    second = Call(queue, rows(2), outputs=("b", "a"))
    wait_for(lambda: queued(queue) == 2)
    model.gate.set()
    assert (["a"], ["b", "a"]) == (list(first.answer()), list(second.answer()))
    assert ("a", "b") == model.runs[1][1]


def test_requests_of_other_shapes_run_apart(start, model):
    """Rows that cannot be stacked are not refused, as the original would; they make a batch of their own."""
    queue = start()
    occupy(queue, model)
    narrow = Call(queue, rows(1))
    wide = Call(queue, {"x": np.ones((1, 4), dtype=np.float32)})
    wait_for(lambda: queued(queue) == 2)
    model.gate.set()
    assert ((1, 1), (1, 4)) == (narrow.answer()["y"].shape, wide.answer()["y"].shape)
    assert 3 == len(model.runs)


def test_batches_are_no_larger_than_the_limit(start, model):
    """A request that does not fit opens the next batch, whole."""
    queue = start(max_batch_size=3)
    occupy(queue, model)
    calls = [Call(queue, rows(1, 2))]
    wait_for(lambda: queued(queue) == 2)
    calls.append(Call(queue, rows(3, 4)))
    wait_for(lambda: queued(queue) == 4)
    model.gate.set()
    assert all(call.answer() is not None for call in calls)
    assert [[1.0, 2.0], [3.0, 4.0]] == [run[0] for run in model.runs[1:]]


def test_too_large_request_is_refused(start):
    """A request larger than a batch is the client's mistake, as in the original."""
    with pytest.raises(StatusError, match="Task size 3 is larger than maximum input batch size 2") as raised:
        start(max_batch_size=2).submit(rows(1, 2, 3), ("y",), FOREVER)
    assert grpc.StatusCode.INVALID_ARGUMENT == raised.value.code


def test_full_queue_refuses(start, model):
    """One batch more than may wait is UNAVAILABLE at once, so that a balancer can try another server."""
    queue = start(max_batch_size=1, max_enqueued_batches=2)
    occupy(queue, model)
    waiting = [Call(queue, rows(1)), Call(queue, rows(2))]
    wait_for(lambda: queued(queue) == 2)
    with pytest.raises(StatusError, match="full") as raised:
        queue.submit(rows(3), ("y",), FOREVER)
    assert grpc.StatusCode.UNAVAILABLE == raised.value.code
    model.gate.set()
    assert all(call.answer() is not None for call in waiting)
    assert [[8.0]] == queue.submit(rows(4), ("y",), FOREVER)["y"].tolist()


def test_request_whose_deadline_passed_is_dropped(start, model):
    """Nobody waits for its answer any more, so its rows are not run."""
    queue = start()
    occupy(queue, model)
    late = Call(queue, rows(1), Deadline.after(0.02))
    in_time = Call(queue, rows(2))
    late.join(10)
    wait_for(lambda: queued(queue) == 2)
    model.gate.set()
    assert in_time.answer() is not None
    assert grpc.StatusCode.DEADLINE_EXCEEDED == late.error.code
    assert [2.0] == model.runs[1][0]


def test_batch_waits_for_company_until_its_timeout(start, model):
    """With a timeout, a free thread lets a batch fill; a full one runs at once."""
    model.gate.set()
    queue = start(max_batch_size=2, batch_timeout_s=3600)
    first = Call(queue, rows(1))
    wait_for(lambda: queued(queue) == 1)
    assert [] == model.runs
    second = Call(queue, rows(2))
    assert first.answer() is not None
    assert second.answer() is not None
    assert 1 == len(model.runs)


def test_timeout_ends_the_wait(start, model):
    """A batch that nobody joins runs when it is old enough."""
    model.gate.set()
    assert [[2.0]] == start(batch_timeout_s=0.02).submit(rows(1), ("y",), FOREVER)["y"].tolist()


def test_batch_is_padded_to_an_allowed_size(start, model):
    """A model compiled for a few sizes sees only those; the padding is a real row and nobody gets it."""
    model.gate.set()
    queue = start(max_batch_size=4, allowed_batch_sizes=(2, 4))
    assert [[2.0], [4.0], [6.0]] == queue.submit(rows(1, 2, 3), ("y",), FOREVER)["y"].tolist()
    assert [1.0, 2.0, 3.0, 1.0] == model.runs[0][0]


def test_failure_is_the_answer_to_every_request_of_the_batch(start):
    """What the model raises reaches each client, with its status."""
    queue = start()

    def fail(inputs, outputs):
        raise StatusError(grpc.StatusCode.INTERNAL, "broken")

    queue._run = fail
    with pytest.raises(StatusError, match="broken"):
        queue.submit(rows(1), ("y",), FOREVER)


@pytest.mark.parametrize("output", [np.float32(1), np.zeros((3, 1), np.float32)])
def test_output_without_the_batch_s_rows_is_an_error(start, output):
    """A model whose output does not follow its batch axis cannot be shared out."""
    queue = start()
    queue._run = lambda inputs, outputs: {"y": np.asarray(output)}
    with pytest.raises(StatusError, match="0th dimension") as raised:
        queue.submit(rows(1), ("y",), FOREVER)
    assert grpc.StatusCode.FAILED_PRECONDITION == raised.value.code


@pytest.mark.parametrize(
    "inputs", [{"x": np.float32(1)}, {"x": np.zeros((1, 1), np.float32), "z": np.zeros((2, 1), np.float32)}]
)
def test_inputs_must_have_equal_rows(start, inputs):
    """Every input has a first dimension, the same in all."""
    inputs = {alias: np.asarray(array) for alias, array in inputs.items()}
    with pytest.raises(StatusError, match="Batching Run") as raised:
        start().submit(inputs, ("y",), FOREVER)
    assert grpc.StatusCode.INVALID_ARGUMENT == raised.value.code


def test_stop_runs_what_waits(start, model):
    """Draining answers requests that are queued."""
    queue = start(batch_timeout_s=3600)
    model.gate.set()
    call = Call(queue, rows(1))
    wait_for(lambda: queued(queue) == 1)
    queue._scheduler.stop()
    assert [[2.0]] == call.answer()["y"].tolist()


def read(text):
    return read_options(text_format.Parse(text, config_pb2.BatchingParameters()))


def test_parameters_are_read():
    """The file's numbers are used; what it leaves out has the original's default."""
    options = read("max_batch_size { value: 8 } batch_timeout_micros { value: 5000 } allowed_batch_sizes: [4, 8]")
    assert (8, 0.005, 10, (4, 8)) == (
        options.max_batch_size,
        options.batch_timeout_s,
        options.max_enqueued_batches,
        options.allowed_batch_sizes,
    )
    assert BatchingOptions() == read("")


@pytest.mark.parametrize(
    "text",
    [
        "max_batch_size { value: 0 }",
        "batch_timeout_micros { value: -1 }",
        "num_batch_threads { value: 0 }",
        "max_enqueued_batches {}",
        "max_batch_size { value: 8 } allowed_batch_sizes: [2, 4]",
        "max_batch_size { value: 8 } allowed_batch_sizes: [4, 2, 8]",
        "max_batch_size { value: 8 } allowed_batch_sizes: [0, 8]",
    ],
)
def test_impossible_parameters_are_refused(text):
    """A batch that could never be made stops the start."""
    with pytest.raises(StatusError) as raised:
        read(text)
    assert grpc.StatusCode.INVALID_ARGUMENT == raised.value.code
