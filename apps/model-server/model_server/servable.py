"""One loaded model version: checks a request against the signature, runs it and writes the answer.

Source of the checks, their order and their status codes: tensorflow_serving/servables/tensorflow/predict_util.cc.
"""

import time
from collections.abc import Callable, Iterable, Mapping

import grpc

from model_server.batching import Arrays, BatchQueue, BatchScheduler
from model_server.engines import Engine
from model_server.errors import StatusError
from model_server.typed_lists import to_typed_lists
from serving_api import serving_pb2 as pb
from serving_api.deadline import Deadline
from serving_api.tensors import Array, TensorError, dtype_name, to_array, to_tensor_proto

DEFAULT_SIGNATURE = "serving_default"


class Servable:
    """A model version that answers Predict; safe to call from several threads.

    Args:
        name: the model's name.
        version: its number.
        engine: what runs it; closed with the servable.
        scheduler: batches requests where the engine allows it; None runs each request by itself.
        as_content: answer with `tensor_content` instead of typed lists.
        observe_run_s: told how long each run of the model took, seconds.
    """

    def __init__(
        self,
        name: str,
        version: int,
        engine: Engine,
        *,
        scheduler: BatchScheduler | None = None,
        as_content: bool = False,
        observe_run_s: Callable[[float], None] = lambda _: None,
    ) -> None:
        self.name = name
        self.version = version
        self._engine = engine
        self._to_proto = to_tensor_proto if as_content else to_typed_lists
        self._observe_run_s = observe_run_s
        self._queue: BatchQueue | None = None
        if scheduler is not None and engine.batchable:
            self._queue = BatchQueue(scheduler, lambda inputs, outputs: self._run(DEFAULT_SIGNATURE, inputs, outputs))

    @property
    def signatures(self) -> Mapping[str, pb.SignatureDef]:
        """Give the signatures by name."""
        return self._engine.signatures

    def predict(self, request: pb.PredictRequest, deadline: Deadline, *, batched: bool = True) -> pb.PredictResponse:
        """Answer a request.

        Args:
            request: its model name and version are not looked at.
            deadline: when the client stops waiting; work that has not begun by then is not done.
            batched: whether the request may share a run with others; a warm-up does not.
        Raises: StatusError: FAILED_PRECONDITION (no such signature), INVALID_ARGUMENT (inputs or output_filter do not
            fit it), DEADLINE_EXCEEDED, or what batching or the engine raises.
        """
        name = request.model_spec.signature_name or DEFAULT_SIGNATURE
        signature = self.signatures.get(name)
        if signature is None:
            raise StatusError(grpc.StatusCode.FAILED_PRECONDITION, f'Serving signature key "{name}" not found.')
        inputs = read_inputs(signature, request.inputs)
        wanted = choose_outputs(signature, request.output_filter)
        if deadline.expired:
            raise StatusError(grpc.StatusCode.DEADLINE_EXCEEDED, "The deadline passed before the model was run")
        if batched and self._queue is not None and name == DEFAULT_SIGNATURE and _has_rows(inputs):
            outputs = self._queue.submit(inputs, wanted, deadline)
        else:
            outputs = self._run(name, inputs, wanted)
        response = pb.PredictResponse(outputs={alias: self._to_proto(outputs[alias]) for alias in wanted})
        response.model_spec.name = self.name
        response.model_spec.signature_name = name
        response.model_spec.version.value = self.version
        return response

    def close(self) -> None:
        """Free the model; no request may be under way."""
        self._engine.close()

    def _run(self, signature: str, inputs: Arrays, outputs: tuple[str, ...]) -> dict[str, Array]:
        start_s = time.perf_counter()
        answer = self._engine.run(signature, inputs, outputs)
        self._observe_run_s(time.perf_counter() - start_s)
        return answer


def read_inputs(signature: pb.SignatureDef, tensors: Mapping[str, pb.TensorProto]) -> dict[str, Array]:
    """Read a request's inputs and check names, dtypes and shapes against the signature.

    Returns: alias -> array, one for each input of the signature.
    Raises: StatusError INVALID_ARGUMENT.
    """
    given, expected = set(tensors), set(signature.inputs)
    if len(given) != len(expected):
        raise _invalid(
            f"input size does not match signature: {len(given)}!={len(expected)} len({_set(given)}) != "
            f"len({_set(expected)}). Sent extra: {_set(given - expected)}. "
            f"Missing but required: {_set(expected - given)}."
        )
    for alias in sorted(given - expected):
        raise _invalid(
            f"input tensor alias not found in signature: {alias}. Inputs expected to be in the set {_set(expected)}."
        )
    return {alias: _read_input(alias, tensors[alias], info) for alias, info in sorted(signature.inputs.items())}


def choose_outputs(signature: pb.SignatureDef, output_filter: Iterable[str]) -> tuple[str, ...]:
    """Give the output aliases that a request wants: those of its filter, or all.

    Raises: StatusError INVALID_ARGUMENT for an alias that the signature lacks or that comes twice.
    """
    wanted: list[str] = []
    for alias in output_filter:
        if alias not in signature.outputs:
            raise _invalid(
                f"output tensor alias not found in signature: {alias} Outputs expected to be in the set "
                f"{_set(signature.outputs)}."
            )
        if alias in wanted:
            raise _invalid(f"duplicate output tensor alias: {alias}")
        wanted.append(alias)
    return tuple(wanted or sorted(signature.outputs))


def _read_input(alias: str, tensor: pb.TensorProto, info: pb.TensorInfo) -> Array:
    if tensor.dtype != info.dtype:
        raise _invalid(f"Expects input {alias} to be {_type(info.dtype)} but {_type(tensor.dtype)} is provided")
    try:
        array = to_array(tensor)
    except TensorError as error:
        raise _invalid(f"tensor parsing error: {alias}: {error}") from error
    shape = info.tensor_shape
    sizes = [dim.size for dim in shape.dim]
    fits = len(sizes) == array.ndim and all(size in {-1, got} for size, got in zip(sizes, array.shape, strict=True))
    if not (shape.unknown_rank or fits):
        raise _invalid(f"Expects input {alias} to have shape {_shape(sizes)} but {_shape(array.shape)} is provided")
    return array


def _has_rows(inputs: Arrays) -> bool:
    # No rows, no batch: the engine answers an empty request by itself.
    return bool(inputs) and all(array.ndim == 0 or len(array) for array in inputs.values())


def _type(dtype: int) -> str:
    return dtype_name(dtype).removeprefix("DT_").lower()


def _shape(sizes: Iterable[int]) -> str:
    return "[" + ",".join("?" if size == -1 else str(size) for size in sizes) + "]"


def _set(names: Iterable[str]) -> str:
    return "{" + ",".join(sorted(names)) + "}"


def _invalid(message: str) -> StatusError:
    return StatusError(grpc.StatusCode.INVALID_ARGUMENT, message)
