"""Ask a model server: one class, arrays in and out, one tree of errors."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from google.protobuf.wrappers_pb2 import Int64Value

from serving_api import errors
from serving_api import serving_pb2 as pb
from serving_api.breaker import Breaker
from serving_api.deadline import Deadline
from serving_api.services import SIGNATURE_DEF_MAP_URL, ModelServiceStub, PredictionServiceStub
from serving_api.tensors import Array, TensorError, to_array, to_tensor_proto

CONNECT_TIMEOUT_S = 1.0
# A call that had less time than this says nothing about the server when it ends without an answer.
FAIR_S = 0.5
# After so long without any answer the server is suspected, while the call goes on.
SILENT_S = 2.0
_NOT_ANSWERED = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED)


@dataclass(frozen=True)
class Answer:
    """What Predict gave: the outputs by alias, and the version that computed them."""

    outputs: dict[str, Array]
    version: int


@dataclass(frozen=True)
class Metadata:
    """What GetModelMetadata gave: the signatures by name, and the version that has them."""

    version: int
    signatures: dict[str, pb.SignatureDef]


@dataclass(frozen=True)
class VersionStatus:
    """One version's state, such as AVAILABLE; `error_code` 0 is no error."""

    version: int
    state: str
    error_code: int
    error_message: str


class ModelServer:
    """The calls of a model server; safe to use from many threads.

    Every call raises a ServingError (see `serving_api.errors`) and nothing else. After a call without an answer a new
    channel takes the old one's place if it connects, since the old one's connections may lead nowhere by now; if none
    can be made, calls are refused at once until one can (see `serving_api.breaker`).

    Args:
        dial: opens a channel; it is connected by the first call. Not before a fork, which no channel survives.
    """

    def __init__(self, dial: Callable[[], grpc.Channel]) -> None:
        self._dial = dial
        self._use(dial())
        self._breaker = Breaker(self._reach, self._hang_up)

    @property
    def given_up(self) -> bool:
        """Tell whether calls are refused because no server answers."""
        return self._breaker.is_open

    def predict(
        self,
        model: str,
        inputs: Mapping[str, Any],
        deadline: Deadline,
        *,
        version: int | None = None,
        label: str | None = None,
        signature: str = "serving_default",
        outputs: Sequence[str] = (),
    ) -> Answer:
        """Run a signature of a model.

        Args:
            model: its name at the server.
            inputs: arrays (or lists of bytes) by the signature's input aliases; the first axis is the batch.
            deadline: for the whole call, retries included.
            version: this very version; at most one of `version` and `label`.
            label: the version that carries this label.
            signature: the signature's name.
            outputs: aliases wanted; empty means all.
        Returns: arrays by output alias; those of numbers are read-only views of the answer's bytes.
        Raises: ServingError.
        """
        try:
            tensors = {alias: to_tensor_proto(values) for alias, values in inputs.items()}
        except TensorError as error:
            raise errors.InvalidRequest(str(error)) from error
        request = pb.PredictRequest(
            model_spec=_spec(model, version, label, signature), inputs=tensors, output_filter=outputs
        )
        response: pb.PredictResponse = self._ask(self._prediction.Predict, request, deadline)
        try:
            arrays = {alias: to_array(tensor) for alias, tensor in response.outputs.items()}
        except TensorError as error:
            raise errors.ContractMismatch(f"model {model}: {error}") from error
        return Answer(arrays, response.model_spec.version.value)

    def signatures(
        self, model: str, deadline: Deadline, *, version: int | None = None, label: str | None = None
    ) -> Metadata:
        """Read a model's signatures. Raises: ServingError; ModelNotFound also while no version is available."""
        request = pb.GetModelMetadataRequest(model_spec=_spec(model, version, label), metadata_field=["signature_def"])
        response: pb.GetModelMetadataResponse = self._ask(self._prediction.GetModelMetadata, request, deadline)
        packed = response.metadata.get("signature_def")
        if packed is None or packed.type_url != SIGNATURE_DEF_MAP_URL:
            raise errors.ContractMismatch(f"model {model}: the answer holds no signature_def")
        try:
            signatures = pb.SignatureDefMap.FromString(packed.value).signature_def
        except DecodeError as error:
            raise errors.ContractMismatch(f"model {model}: signature_def cannot be read: {error}") from error
        return Metadata(response.model_spec.version.value, dict(signatures))

    def status(self, model: str, deadline: Deadline, version: int | None = None) -> list[VersionStatus]:
        """Read the state of a model's versions, newest first. Raises: ServingError."""
        request = pb.GetModelStatusRequest(model_spec=_spec(model, version, None))
        response: pb.GetModelStatusResponse = self._ask(self._model.GetModelStatus, request, deadline)
        versions = [
            VersionStatus(
                one.version,
                pb.ModelVersionStatus.State.Name(one.state),
                one.status.error_code,
                one.status.error_message,
            )
            for one in response.model_version_status
        ]
        return sorted(versions, key=lambda one: one.version, reverse=True)

    def close(self) -> None:
        """Close the channel; calls under way are cancelled."""
        self._breaker.stop()
        self._channel.close()

    def _ask(self, call: grpc.UnaryUnaryMultiCallable, request: object, deadline: Deadline) -> Any:
        remaining_s = deadline.remaining_s()
        if remaining_s <= 0.0:
            raise errors.ModelTimeout("no time was left to ask the model server", grpc.StatusCode.DEADLINE_EXCEEDED)
        self._breaker.check()
        try:
            # wait_for_ready stays off: a server that is down is an answer (503), not a wait until the deadline.
            response = self._wait(call.future(request, timeout=remaining_s))
        except grpc.RpcError as error:
            failure = errors.from_rpc_error(error)
            if error.code() not in _NOT_ANSWERED or isinstance(failure, errors.OverCapacity):
                self._breaker.answered()
            elif error.code() is grpc.StatusCode.UNAVAILABLE or remaining_s >= FAIR_S:  # not what was cut off
                self._breaker.suspect()
            raise failure from error
        except ValueError as error:  # "Cannot invoke RPC on closed channel!"
            raise errors.ModelUnavailable(str(error)) from error
        self._breaker.answered()
        return response

    def _wait(self, answer: grpc.Future) -> Any:
        before = self._breaker.answers
        with contextlib.suppress(grpc.FutureTimeoutError):
            return answer.result(SILENT_S)
        if self._breaker.answers == before:  # nobody else was answered either
            self._breaker.suspect()
        return answer.result()

    def _use(self, channel: grpc.Channel) -> None:
        # Calls under way keep the channel that was used before; with the last of them it is gone.
        self._channel = channel
        self._prediction = PredictionServiceStub(channel)
        self._model = ModelServiceStub(channel)

    def _reach(self) -> bool:
        channel = self._dial()
        connected = grpc.channel_ready_future(channel)
        try:
            connected.result(CONNECT_TIMEOUT_S)
        except grpc.FutureTimeoutError:
            connected.cancel()
            channel.close()
            return False
        self._use(channel)
        return True

    def _hang_up(self) -> None:
        self._channel.close()


def _spec(model: str, version: int | None, label: str | None, signature: str = "") -> pb.ModelSpec:
    if version is not None and label is not None:
        raise errors.InvalidRequest("ask for a version or for a label, not for both")
    spec = pb.ModelSpec(name=model, signature_name=signature)
    if version is not None:
        spec.version.CopyFrom(Int64Value(value=version))
    if label is not None:
        spec.version_label = label
    return spec
