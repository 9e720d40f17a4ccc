"""Requests are checked against the signature with the original's status codes."""

import math

import grpc
import numpy as np
import pytest

from model_server.batching import BatchingOptions, BatchScheduler
from model_server.errors import StatusError
from model_server.servable import Servable
from serving_api import serving_pb2 as pb
from serving_api.deadline import Deadline
from serving_api.tensors import to_array, to_tensor_proto
from tests.unit.model_server.fakes import FakeEngine, picture, predict_request

FOREVER = Deadline.after(math.inf)


@pytest.fixture
def engine():
    return FakeEngine()


@pytest.fixture
def servable(engine):
    return Servable("pizza", 3, engine)


def test_answer(servable):
    """An answer has all outputs, and says which version and signature gave it."""
    response = servable.predict(predict_request(picture(rows=2, value=255)), FOREVER)
    assert ("pizza", 3, "serving_default") == (
        response.model_spec.name,
        response.model_spec.version.value,
        response.model_spec.signature_name,
    )
    assert ["logits", "probabilities"] == sorted(response.outputs)
    assert [[1.0, 0.0], [1.0, 0.0]] == to_array(response.outputs["probabilities"]).tolist()


def test_other_signature(servable):
    """A request may name a signature."""
    request = pb.PredictRequest(inputs={"key": to_tensor_proto([b"labels"])})
    request.model_spec.signature_name = "describe"
    assert [b"value of labels"] == list(servable.predict(request, FOREVER).outputs["value"].string_val)


def test_output_filter(servable, engine):
    """Only the outputs asked for are computed and sent."""
    response = servable.predict(predict_request(outputs=["logits"]), FOREVER)
    assert ["logits"] == list(response.outputs)
    assert [("serving_default", 1, ("logits",))] == engine.calls


def test_encoding_of_answers(engine):
    """Numbers come as typed lists unless the server was told otherwise."""
    response = Servable("pizza", 1, engine).predict(predict_request(), FOREVER)
    assert [0.0, 1.0] == list(response.outputs["probabilities"].float_val)
    response = Servable("pizza", 1, engine, as_content=True).predict(predict_request(), FOREVER)
    assert 8 == len(response.outputs["probabilities"].tensor_content)


IMAGE = to_tensor_proto(picture())
REFUSED = {
    "no input": ({}, grpc.StatusCode.INVALID_ARGUMENT, r"0!=1 .* Missing but required: {image}"),
    "extra input": ({"image": IMAGE, "size": IMAGE}, grpc.StatusCode.INVALID_ARGUMENT, "Sent extra: {size}"),
    "other input": ({"picture": IMAGE}, grpc.StatusCode.INVALID_ARGUMENT, "alias not found in signature: picture"),
    "dtype": (
        {"image": to_tensor_proto(np.zeros((1, 2, 2, 3), np.float32))},
        grpc.StatusCode.INVALID_ARGUMENT,
        "to be uint8 but float is provided",
    ),
    "rank": (
        {"image": to_tensor_proto(np.zeros((2, 2, 3), np.uint8))},
        grpc.StatusCode.INVALID_ARGUMENT,
        r"shape \[\?,2,2,3\] but \[2,2,3\]",
    ),
    "size": ({"image": to_tensor_proto(np.zeros((1, 4, 4, 3), np.uint8))}, grpc.StatusCode.INVALID_ARGUMENT, "shape"),
    "bytes": (
        {"image": pb.TensorProto(dtype=pb.DT_UINT8, tensor_shape=IMAGE.tensor_shape, tensor_content=b"123")},
        grpc.StatusCode.INVALID_ARGUMENT,
        "tensor parsing error: image",
    ),
}


@pytest.mark.parametrize("mistake", REFUSED)
def test_inputs_that_do_not_fit(servable, engine, mistake):
    """A wrong name, dtype, shape or size is the client's mistake, and the model is not run."""
    inputs, code, message = REFUSED[mistake]
    with pytest.raises(StatusError, match=message) as raised:
        servable.predict(pb.PredictRequest(inputs=inputs), FOREVER)
    assert code == raised.value.code
    assert [] == engine.calls


@pytest.mark.parametrize(
    ("request_", "code", "message"),
    [
        (predict_request(signature="train"), grpc.StatusCode.FAILED_PRECONDITION, 'key "train" not found'),
        (predict_request(outputs=["x"]), grpc.StatusCode.INVALID_ARGUMENT, "set {logits,probabilities}"),
        (predict_request(outputs=["logits", "logits"]), grpc.StatusCode.INVALID_ARGUMENT, "duplicate"),
    ],
)
def test_names_that_are_not_there(servable, request_, code, message):
    """An unknown signature or output has the original's status."""
    with pytest.raises(StatusError, match=message) as raised:
        servable.predict(request_, FOREVER)
    assert code == raised.value.code


def test_expired_request_is_not_run(servable, engine):
    """Work that nobody waits for is not begun."""
    with pytest.raises(StatusError) as raised:
        servable.predict(predict_request(), Deadline.after(-1))
    assert grpc.StatusCode.DEADLINE_EXCEEDED == raised.value.code
    assert [] == engine.calls


@pytest.fixture
def scheduler():
    scheduler = BatchScheduler(BatchingOptions(max_batch_size=4, num_batch_threads=1, allowed_batch_sizes=(2, 4)))
    yield scheduler
    scheduler.stop()


@pytest.mark.parametrize(
    ("batchable", "request_", "rows"),
    [
        (True, predict_request(), 2),  # padded: it went through a batch
        (False, predict_request(), 1),
        (True, predict_request(picture(rows=0)), 0),
    ],
)
def test_what_is_batched(scheduler, batchable, request_, rows):
    """Requests with rows to a model with a batch axis share runs; others run by themselves."""
    engine = FakeEngine(batchable)
    Servable("pizza", 1, engine, scheduler=scheduler).predict(request_, FOREVER)
    assert [rows] == [call[1] for call in engine.calls]


def test_describe_is_not_batched(scheduler):
    """Only serving_default is known to have a batch axis."""
    engine = FakeEngine()
    request = pb.PredictRequest(inputs={"key": to_tensor_proto([b"card"])})
    request.model_spec.signature_name = "describe"
    Servable("pizza", 1, engine, scheduler=scheduler).predict(request, FOREVER)
    assert [("describe", 1, ("value",))] == engine.calls


def test_runs_are_timed(engine):
    """Each run of the model is observed once."""
    seen = []
    Servable("pizza", 1, engine, observe_run_s=seen.append).predict(predict_request(), FOREVER)
    assert 1 == len(seen)
