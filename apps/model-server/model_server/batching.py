"""Run the rows of several requests as one batch: one run of 8 rows is cheaper than 8 runs of one.

A request joins the newest batch of its kind that still has room. A batch is run when it is full or old enough and one
of the threads is free; so with a timeout of 0 nobody waits for company, and batches grow while the threads are busy.

Source: tensorflow/core/kernels/batching_util/shared_batch_scheduler.h, whose parameters and status codes these are.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import grpc
import numpy as np

from model_server.errors import StatusError, as_status_error
from model_server.processors import count_processors
from serving_api import config_pb2
from serving_api.deadline import Deadline
from serving_api.tensors import Array

Arrays = Mapping[str, Array]
# Runs merged inputs, alias -> array[rows, ...], for the outputs wanted by any request of the batch.
Run = Callable[[Arrays, tuple[str, ...]], dict[str, Array]]


@dataclass(frozen=True)
class BatchingOptions:
    """How batches are made; the defaults are the original's.

    Attributes:
        max_batch_size: rows; a larger request is refused.
        batch_timeout_s: how long a batch may wait to become full, seconds.
        max_enqueued_batches: batches of one model version that may wait; one more is refused.
        num_batch_threads: batches run at once, over all models.
        allowed_batch_sizes: batches are padded to the next of these; empty means no padding.
    """

    max_batch_size: int = 1000
    batch_timeout_s: float = 0.0
    max_enqueued_batches: int = 10
    num_batch_threads: int = field(default_factory=count_processors)
    allowed_batch_sizes: tuple[int, ...] = ()

    def padded(self, rows: int) -> int:
        """Give the size to run a batch of `rows` at."""
        return next((size for size in self.allowed_batch_sizes if size >= rows), rows)


def read_options(parameters: config_pb2.BatchingParameters) -> BatchingOptions:
    """Read BatchingParameters; what is not set keeps its default.

    Raises: StatusError INVALID_ARGUMENT for sizes that no batch could have.
    """
    default = BatchingOptions()

    def number(name: str, otherwise: int, least: int) -> int:
        value = int(getattr(parameters, name).value) if parameters.HasField(name) else otherwise
        if value < least:
            raise _invalid(f"{name} must be at least {least}; was {value}")
        return value

    options = BatchingOptions(
        max_batch_size=number("max_batch_size", default.max_batch_size, 1),
        batch_timeout_s=number("batch_timeout_micros", 0, 0) / 1e6,
        max_enqueued_batches=number("max_enqueued_batches", default.max_enqueued_batches, 1),
        num_batch_threads=number("num_batch_threads", default.num_batch_threads, 1),
        allowed_batch_sizes=tuple(parameters.allowed_batch_sizes),
    )
    sizes = options.allowed_batch_sizes
    if list(sizes) != sorted({size for size in sizes if size > 0}):
        raise _invalid("allowed_batch_sizes entries must be positive and monotonically increasing")
    if sizes and sizes[-1] != options.max_batch_size:
        raise _invalid(
            "Last entry in allowed_batch_sizes must match max_batch_size; "
            f"last entry was {sizes[-1]}; expected {options.max_batch_size}"
        )
    return options


@dataclass(eq=False)
class _Task:
    inputs: Arrays
    outputs: tuple[str, ...]
    rows: int
    deadline: Deadline
    enqueued_s: float = field(default_factory=time.monotonic)
    done: threading.Event = field(default_factory=threading.Event)
    result: dict[str, Array] | None = None
    error: StatusError | None = None


@dataclass(eq=False)
class _Batch:
    queue: "BatchQueue"
    key: object
    ready_s: float
    tasks: list[_Task] = field(default_factory=list)
    rows: int = 0
    closed: bool = False


class BatchScheduler:
    """The threads that run the batches of all queues, in the order in which the batches became ready.

    Args:
        options: see BatchingOptions.
        observe_wait_s: told how long each request waited for its batch to run, seconds.
    """

    def __init__(self, options: BatchingOptions, observe_wait_s: Callable[[float], None] = lambda _: None) -> None:
        self.options = options
        self.changed = threading.Condition()
        self.waiting: deque[_Batch] = deque()
        self._observe_wait_s = observe_wait_s
        self._stopped = False
        self._threads = [
            threading.Thread(target=self._work, name=f"batch-{number}", daemon=True)
            for number in range(options.num_batch_threads)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Run what waits, then end the threads."""
        with self.changed:
            self._stopped = True
            self.changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (batch := self._next()) is not None:
            now_s = time.monotonic()
            for task in batch.tasks:
                self._observe_wait_s(now_s - task.enqueued_s)
            batch.queue.run(batch.tasks)

    def _next(self) -> _Batch | None:
        with self.changed:
            while True:
                now_s = time.monotonic()
                for batch in self.waiting:
                    if batch.closed or batch.ready_s <= now_s or self._stopped:
                        self.waiting.remove(batch)
                        batch.queue.forget(batch)
                        return batch
                if self._stopped:
                    return None
                soonest_s = min((batch.ready_s for batch in self.waiting), default=None)
                self.changed.wait(None if soonest_s is None else soonest_s - now_s)


class BatchQueue:
    """The batches of one signature of one model version.

    Args:
        scheduler: whose threads and options are used.
        run: runs merged inputs; called from the scheduler's threads.
    """

    def __init__(self, scheduler: BatchScheduler, run: Run) -> None:
        self._scheduler = scheduler
        self._options = scheduler.options
        self._run = run
        self._open: dict[object, _Batch] = {}
        self._enqueued = 0

    def submit(self, inputs: Arrays, outputs: tuple[str, ...], deadline: Deadline) -> dict[str, Array]:
        """Run a request's rows in a batch and wait for its share of the outputs.

        Args:
            inputs: alias -> array[rows, ...], rows >= 1.
            outputs: the aliases wanted.
            deadline: a request that is still queued then is dropped, not run.
        Returns: alias -> array[rows, ...].
        Raises: StatusError: INVALID_ARGUMENT (rows differ between inputs, or are more than max_batch_size),
            UNAVAILABLE (the queue is full), DEADLINE_EXCEEDED, or what the model raised for the batch.
        """
        task = _Task(inputs, outputs, self._count_rows(inputs), deadline)
        self._enqueue(task)
        if not task.done.wait(min(deadline.remaining_s(), threading.TIMEOUT_MAX)):
            raise _too_late()
        if task.error is not None:
            raise task.error
        assert task.result is not None
        return task.result

    def _count_rows(self, inputs: Arrays) -> int:
        if any(array.ndim == 0 for array in inputs.values()):
            raise _invalid("Batching Run() input tensors must have at least one dimension")
        rows = {len(array) for array in inputs.values()}
        if len(rows) != 1:
            raise _invalid("Batching Run() input tensors must have equal 0th-dimension size")
        if max(rows) > self._options.max_batch_size:
            raise _invalid(
                f"Task size {max(rows)} is larger than maximum input batch size {self._options.max_batch_size}"
            )
        return max(rows)

    def _enqueue(self, task: _Task) -> None:
        # Only rows of one shape can be stacked; the original refuses the whole batch instead.
        key = tuple(sorted((alias, array.shape[1:], array.dtype.str) for alias, array in task.inputs.items()))
        with self._scheduler.changed:
            batch = self._open.get(key)
            if batch is None or batch.rows + task.rows > self._options.max_batch_size:
                if self._enqueued >= self._options.max_enqueued_batches:
                    raise StatusError(
                        grpc.StatusCode.UNAVAILABLE,
                        "The batch scheduling queue to which this task was submitted is full",
                    )
                if batch is not None:
                    batch.closed = True
                batch = _Batch(self, key, ready_s=time.monotonic() + self._options.batch_timeout_s)
                self._open[key] = batch
                self._enqueued += 1
                self._scheduler.waiting.append(batch)
            batch.tasks.append(task)
            batch.rows += task.rows
            batch.closed = batch.rows == self._options.max_batch_size
            self._scheduler.changed.notify_all()  # each idle thread waits for its own idea of the next batch

    def forget(self, batch: _Batch) -> None:
        """Take a batch out of the queue, because it is about to run; the scheduler's lock is held."""
        self._enqueued -= 1
        if self._open.get(batch.key) is batch:
            del self._open[batch.key]

    def run(self, tasks: list[_Task]) -> None:
        """Run a batch and give each request its share; never raises."""
        alive = [task for task in tasks if not task.deadline.expired]
        try:
            if alive:
                self._run_merged(alive)
        except Exception as error:  # noqa: BLE001 - whatever the model raised is the answer to each request
            for task in alive:
                task.error = as_status_error(error)
        for task in tasks:
            if task.result is None and task.error is None:
                task.error = _too_late()
            task.done.set()

    def _run_merged(self, tasks: list[_Task]) -> None:
        rows = sum(task.rows for task in tasks)
        padding = self._options.padded(rows) - rows
        merged = {}
        for alias in tasks[0].inputs:
            parts = [task.inputs[alias] for task in tasks]
            # A real row: padding with zeros could be a row that the model refuses.
            merged[alias] = (
                np.concatenate([*parts, *[parts[-1][:1]] * padding]) if len(parts) + padding > 1 else parts[0]
            )
        wanted = tuple(dict.fromkeys(alias for task in tasks for alias in task.outputs))
        outputs = self._run(merged, wanted)
        self._check(outputs, rows + padding)
        start = 0
        for task in tasks:
            task.result = {alias: outputs[alias][start : start + task.rows] for alias in task.outputs}
            start += task.rows

    @staticmethod
    def _check(outputs: Mapping[str, Any], rows: int) -> None:
        if any(array.ndim == 0 or len(array) != rows for array in outputs.values()):
            raise StatusError(
                grpc.StatusCode.FAILED_PRECONDITION,
                "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of the "
                "input tensors",
            )


def _invalid(message: str) -> StatusError:
    return StatusError(grpc.StatusCode.INVALID_ARGUMENT, message)


def _too_late() -> StatusError:
    return StatusError(grpc.StatusCode.DEADLINE_EXCEEDED, "Timeout exceeded while waiting in the batching queue")
