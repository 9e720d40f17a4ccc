"""TensorFlow's own client against the embedded model server, in both engines.

The stubs and messages are from tensorflow-serving-api: what they understand, any client of TensorFlow Serving does.
"""

import json
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.contract import small_model
from tests.contract.server_process import ServerProcess

tf = pytest.importorskip("tensorflow")
from tensorflow_serving.apis import (  # noqa: E402 - needs TensorFlow
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

TOLERANCE = 1e-3  # float16 weights
TIMEOUT_S = 30
AVAILABLE = get_model_status_pb2.ModelVersionStatus.AVAILABLE


def predict(server: ServerProcess, request: predict_pb2.PredictRequest) -> predict_pb2.PredictResponse:
    return prediction_service_pb2_grpc.PredictionServiceStub(server.channel).Predict(request, timeout=TIMEOUT_S)


def request_for(images: np.ndarray, **spec: object) -> predict_pb2.PredictRequest:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = spec.get("name", "small")
    request.model_spec.signature_name = spec.get("signature", "")
    if "version" in spec:
        request.model_spec.version.value = spec["version"]
    if "label" in spec:
        request.model_spec.version_label = spec["label"]
    request.inputs["image"].CopyFrom(tf.make_tensor_proto(images))
    return request


def probabilities(response: predict_pb2.PredictResponse) -> np.ndarray:
    return tf.make_ndarray(response.outputs["probabilities"])


def code_of(call) -> grpc.StatusCode:
    with pytest.raises(grpc.RpcError) as failure:
        call()
    assert failure.value.details()
    return failure.value.code()


@pytest.mark.parametrize("count", [1, 7])
def test_predict(server, count):
    """The newest version answers every row, and says which version it is."""
    images = small_model.pictures(count)
    response = predict(server, request_for(images))
    np.testing.assert_allclose(probabilities(response), small_model.expected(images, 2), atol=TOLERANCE)
    assert ("small", 2, "serving_default") == (
        response.model_spec.name,
        response.model_spec.version.value,
        response.model_spec.signature_name,
    )


@pytest.mark.parametrize(
    ("choice", "version"), [({"version": 1}, 1), ({"label": "stable"}, 1), ({"label": "canary"}, 2)]
)
def test_predict_with_a_chosen_version(server, choice, version):
    """A version number or a label chooses the version that answers."""
    images = small_model.pictures(2)
    response = predict(server, request_for(images, **choice))
    np.testing.assert_allclose(probabilities(response), small_model.expected(images, version), atol=TOLERANCE)
    assert version == response.model_spec.version.value


def test_predict_from_typed_lists(server):
    """Numbers in `int_val` are understood as well as `tensor_content`."""
    images = small_model.pictures(1)
    request = request_for(images)
    request.inputs["image"].tensor_content = b""
    request.inputs["image"].int_val.extend(images.flatten().tolist())
    np.testing.assert_allclose(probabilities(predict(server, request)), small_model.expected(images, 2), atol=TOLERANCE)


def test_output_filter(server):
    """Only the outputs that the filter names are answered."""
    request = request_for(small_model.pictures(1))
    request.output_filter.append("probabilities")
    assert ["probabilities"] == list(predict(server, request).outputs)


def test_output_filter_with_an_unknown_output(server):
    """An output that the signature has not is INVALID_ARGUMENT."""
    request = request_for(small_model.pictures(1))
    request.output_filter.append("logits")
    assert grpc.StatusCode.INVALID_ARGUMENT == code_of(lambda: predict(server, request))


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        ({"name": "large"}, grpc.StatusCode.NOT_FOUND),
        ({"name": ""}, grpc.StatusCode.INVALID_ARGUMENT),
        ({"version": 7}, grpc.StatusCode.NOT_FOUND),
        ({"label": "nightly"}, grpc.StatusCode.INVALID_ARGUMENT),
        ({"signature": "classify"}, grpc.StatusCode.FAILED_PRECONDITION),
    ],
)
def test_unknown_servable(server, spec, code):
    """A model, version, label or signature that is not there has the original's code."""
    assert code == code_of(lambda: predict(server, request_for(small_model.pictures(1), **spec)))


@pytest.mark.parametrize(
    "images",
    [
        small_model.pictures(1).astype(np.float32),
        small_model.pictures(1)[:, :4],
        small_model.pictures(1)[0],
        small_model.pictures(1)[None],
    ],
    ids=["dtype", "size", "no batch axis", "extra axis"],
)
def test_wrong_tensor(server, images):
    """A tensor of another dtype or shape is INVALID_ARGUMENT."""
    assert grpc.StatusCode.INVALID_ARGUMENT == code_of(lambda: predict(server, request_for(images)))


def test_wrong_input_names(server):
    """A missing, renamed or extra input is INVALID_ARGUMENT."""
    missing, renamed, extra = (request_for(small_model.pictures(1)) for _ in range(3))
    del missing.inputs["image"]
    renamed.inputs["picture"].CopyFrom(renamed.inputs.pop("image"))
    extra.inputs["picture"].CopyFrom(extra.inputs["image"])
    for request in (missing, renamed, extra):
        assert grpc.StatusCode.INVALID_ARGUMENT == code_of(lambda request=request: predict(server, request))


def test_broken_tensor(server):
    """Bytes that do not fill the shape are INVALID_ARGUMENT, not a crash."""
    request = request_for(small_model.pictures(1))
    request.inputs["image"].tensor_content = b"123"
    assert grpc.StatusCode.INVALID_ARGUMENT == code_of(lambda: predict(server, request))


def test_describe(server):
    """`describe` answers labels and card of the model, in both engines."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "small", "describe"
    request.inputs["key"].CopyFrom(tf.make_tensor_proto(["card", "labels", "colour"]))
    card, labels, other = tf.make_ndarray(predict(server, request).outputs["value"])
    assert json.loads(small_model.CARD) == json.loads(card)
    assert small_model.LABELS == json.loads(labels)
    assert b"" == other


def test_metadata(server, models):
    """GetModelMetadata answers what TensorFlow reads in the SavedModel, packed under TensorFlow's name."""
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "small"
    response = prediction_service_pb2_grpc.PredictionServiceStub(server.channel).GetModelMetadata(request)
    answered = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(answered)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        loaded = tf.compat.v1.saved_model.load(session, ["serve"], str(models / "small" / "2"))
    assert dict(loaded.signature_def) == dict(answered.signature_def)
    assert 2 == response.model_spec.version.value


@pytest.mark.parametrize(
    ("name", "fields", "code"),
    [
        ("large", ["signature_def"], grpc.StatusCode.NOT_FOUND),
        ("small", [], grpc.StatusCode.INVALID_ARGUMENT),
        ("small", ["weights"], grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
def test_metadata_refused(server, name, fields, code):
    """Metadata of an unknown model or of an unknown kind has the original's code."""
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=fields)
    request.model_spec.name = name
    stub = prediction_service_pb2_grpc.PredictionServiceStub(server.channel)
    assert code == code_of(lambda: stub.GetModelMetadata(request))


def test_status(server):
    """GetModelStatus answers every version, the newest first, or the one that is asked for."""
    stub = model_service_pb2_grpc.ModelServiceStub(server.channel)
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "small"
    versions = stub.GetModelStatus(request).model_version_status
    assert [(2, AVAILABLE, 0), (1, AVAILABLE, 0)] == [(v.version, v.state, v.status.error_code) for v in versions]
    request.model_spec.version.value = 1
    assert [1] == [v.version for v in stub.GetModelStatus(request).model_version_status]


@pytest.mark.parametrize(("name", "version"), [("large", None), ("small", 7)])
def test_status_of_an_unknown_servable(server, name, version):
    """The status of an unknown model or version is NOT_FOUND."""
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = name
    if version:
        request.model_spec.version.value = version
    stub = model_service_pb2_grpc.ModelServiceStub(server.channel)
    assert grpc.StatusCode.NOT_FOUND == code_of(lambda: stub.GetModelStatus(request))


def test_health(server):
    """The standard health service says SERVING."""
    response = health_pb2_grpc.HealthStub(server.channel).Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_S)
    assert health_pb2.HealthCheckResponse.SERVING == response.status


def test_method_that_is_not_implemented(server):
    """A method that this server lacks is UNIMPLEMENTED, as gRPC has it."""
    call = server.channel.unary_unary("/tensorflow.serving.PredictionService/Classify")
    assert grpc.StatusCode.UNIMPLEMENTED == code_of(lambda: call(b"", timeout=TIMEOUT_S))


def test_calls_at_the_same_time(server):
    """Calls that run side by side get their own answers."""
    batches = [small_model.pictures(1 + seed % 3, seed) for seed in range(40)]
    with ThreadPoolExecutor(8) as pool:
        responses = pool.map(lambda images: predict(server, request_for(images)), batches)
        for images, response in zip(batches, responses, strict=True):
            np.testing.assert_allclose(probabilities(response), small_model.expected(images, 2), atol=TOLERANCE)


def test_engines_agree(litert_server, saved_model_server):
    """Both engines answer the same, up to float16 weights."""
    request = request_for(small_model.pictures(16, seed=3))
    np.testing.assert_allclose(
        probabilities(predict(litert_server, request)),
        probabilities(predict(saved_model_server, request)),
        atol=TOLERANCE,
    )


def test_several_inputs_and_strings(saved_model_server):
    """Named inputs and binary strings go to TensorFlow and back as they are."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "pair"
    request.inputs["x"].CopyFrom(tf.make_tensor_proto(np.array([[1, 2], [3, 4.5]], np.float32)))
    request.inputs["tag"].CopyFrom(tf.make_tensor_proto([b"\xff\x00", b"b"]))
    outputs = predict(saved_model_server, request).outputs
    assert [3.0, 7.5] == tf.make_ndarray(outputs["sum"]).tolist()
    assert [b"\xff\x00\xff\x00", b"bb"] == tf.make_ndarray(outputs["tag_bytes"]).tolist()
