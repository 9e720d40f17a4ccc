"""Rules of /v2, the Open Inference Protocol, with a model server that is not there: 4 x 6 pixels, three colours."""

import json
import struct

import numpy as np
import pytest

from gateway.app import create_app
from gateway.settings import Settings
from gateway.shares import Share
from serving_api import errors
from tests.unit.gateway.fakes import FakePredictor
from tests.unit.gateway.test_app import assert_problem

INFER = "/v2/models/colour/infer"
IMAGES = np.zeros((2, 4, 6, 3), np.uint8)
IMAGES[0, ..., 0] = IMAGES[1, ..., 2] = 200  # red, blue


@pytest.fixture
def predictor():
    return FakePredictor()


@pytest.fixture
def client(predictor):
    return create_app(Settings(models=("colour", "absent"), max_instances=4), predictor).test_client()


def tensor(images=IMAGES, **instead):
    given = {"name": "image", "datatype": "UINT8", "shape": list(images.shape), "data": images.ravel().tolist()}
    return {key: value for key, value in (given | instead).items() if value is not None}


def post_binary(client, document, tail, length=None):
    head = json.dumps(document).encode()
    headers = {"Inference-Header-Content-Length": str(len(head) if length is None else length)}
    return client.post(INFER, data=head + tail, headers=headers, content_type="application/octet-stream")


@pytest.mark.parametrize("data", [IMAGES.ravel().tolist(), IMAGES.tolist()], ids=["flat", "nested"])
def test_infer_of_json(client, data):
    """An image tensor, flat or nested, is answered row by row; the request's id comes back."""
    answer = client.post(INFER, json={"id": "a", "inputs": [tensor(data=data)]}).json
    assert ("colour", "1", "a") == (answer["model_name"], answer["model_version"], answer["id"])
    probabilities, label = answer["outputs"]
    assert ("probabilities", "FP32", [2, 3]) == tuple(probabilities[key] for key in ("name", "datatype", "shape"))
    np.testing.assert_allclose(np.reshape(probabilities["data"], (2, 3)), [[1, 0, 0], [0, 0, 1]], atol=1e-3)
    assert {"name": "label", "datatype": "BYTES", "shape": [2], "data": ["red", "blue"]} == label


def test_infer_in_binary(client):
    """With the binary extension the tensor's bytes follow the JSON, in and out, and mean the same."""
    given = tensor(data=None, parameters={"binary_data_size": IMAGES.size})
    document = {"inputs": [given], "parameters": {"binary_data_output": True}}
    response = post_binary(client, document, IMAGES.tobytes())
    length = int(response.headers["Inference-Header-Content-Length"])
    outputs, tail = json.loads(response.data[:length])["outputs"], response.data[length:]
    assert [24, 15] == [one["parameters"]["binary_data_size"] for one in outputs]
    expected = client.post(INFER, json={"inputs": [tensor()]}).json["outputs"][0]["data"]
    np.testing.assert_array_equal(np.frombuffer(tail[:24], "<f4"), np.float32(expected))
    assert struct.pack("<I3sI4s", 3, b"red", 4, b"blue") == tail[24:]


def test_wanted_outputs(client):
    """Only the outputs that are named come, each in the form that it is named with."""
    wishes = [{"name": "label"}]
    assert ["label"] == [one["name"] for one in infer(client, wishes).json["outputs"]]
    mixed = infer(client, [{"name": "label"}, {"name": "probabilities", "parameters": {"binary_data": True}}])
    length = int(mixed.headers["Inference-Header-Content-Length"])
    label, probabilities = json.loads(mixed.data[:length])["outputs"]
    assert (["red", "blue"], 24, 24) == (
        label["data"],
        probabilities["parameters"]["binary_data_size"],
        len(mixed.data) - length,
    )


def infer(client, outputs):
    return client.post(INFER, json={"inputs": [tensor()], "outputs": outputs})


@pytest.mark.parametrize(
    ("document", "status"),
    [
        ([], 400),
        ({}, 400),
        ({"inputs": []}, 400),
        ({"inputs": [1]}, 400),
        ({"inputs": [tensor(), tensor()]}, 400),
        ({"id": 1, "inputs": [tensor()]}, 400),
        ({"inputs": [tensor(name="x")]}, 400),
        ({"inputs": [tensor(datatype="FP32")]}, 400),
        ({"inputs": [tensor(data=None)]}, 400),
        ({"inputs": [tensor(data={})]}, 400),
        ({"inputs": [tensor(data=[0.5] * IMAGES.size)]}, 400),
        ({"inputs": [tensor(data=[True] * IMAGES.size)]}, 400),
        ({"inputs": [tensor(data=[256] * IMAGES.size)]}, 400),
        ({"inputs": [tensor(data=[-1] * IMAGES.size)]}, 400),
        ({"inputs": [tensor(data=[0] * (IMAGES.size - 1))]}, 400),
        ({"inputs": [tensor(data=IMAGES.tolist()[:1])]}, 400),
        ({"inputs": [tensor(data=[*IMAGES.tolist()[:1], [[1]]])]}, 400),
        ({"inputs": [tensor(data=[IMAGES[0].tolist(), 0])]}, 400),
        ({"inputs": [tensor(shape=[2, 6, 4, 3])]}, 400),
        ({"inputs": [tensor(shape=[2, 3, 4, 6])]}, 400),
        ({"inputs": [tensor(shape=[0, 4, 6, 3])]}, 400),
        ({"inputs": [tensor(shape=[True, 4, 6, 3])]}, 400),
        ({"inputs": [tensor(shape=[-1, 4, 6, 3])]}, 400),
        ({"inputs": [tensor(shape=[[2], 4, 6, 3])]}, 400),
        ({"inputs": [tensor(shape=144)]}, 400),
        ({"inputs": [tensor(shape=[5, 4, 6, 3], data=[0] * 360)]}, 413),
        ({"inputs": [tensor(parameters={"binary_data_size": 144}, data=None)]}, 400),
        ({"inputs": [tensor()], "outputs": [{"name": "x"}]}, 400),
        ({"inputs": [tensor()], "outputs": [{"name": "label"}, {"name": "label"}]}, 400),
        ({"inputs": [tensor()], "outputs": [{"name": "label", "parameters": {"classification": 1}}]}, 400),
        ({"inputs": [tensor()], "parameters": {"binary_data_output": 1}}, 400),
    ],
)
def test_bad_tensors(client, document, status):
    """A tensor that is not what it says, or not what the model takes, is the caller's problem; `error` says it too."""
    response = client.post(INFER, json=document)
    assert status == response.status_code, response.text
    assert response.json["detail"] == response.json["error"]
    assert "application/problem+json" == response.content_type


@pytest.mark.parametrize(
    ("size", "tail", "length"),
    [
        (144, 143, None),
        (144, 145, None),
        (143, 143, None),
        (True, 1, None),
        ("144", 144, None),
        (144, 144, 10_000),
        (144, 144, 3),
        (144, 144, -1),
        (144, 144, "x"),
        (144, 144, "9" * 5000),
        (144, 144, "\u00b2"),
        (None, 144, None),
    ],
)
def test_bad_binary(client, size, tail, length):
    """Lengths that do not add up are a bad request."""
    given = tensor(data=None, parameters={"binary_data_size": size}) if size is not None else tensor()
    assert 400 == post_binary(client, {"inputs": [given]}, bytes(tail), length).status_code


def test_a_canary_of_another_size():
    """A tensor that does not fit the version that a share leads to is refused in words."""

    class Resized(FakePredictor):
        def signatures(self, model, deadline, *, version=None, label=None):
            self.size = (8, 8) if label == "canary" else (4, 6)
            return super().signatures(model, deadline, version=version, label=label)

    predictor = Resized()
    predictor.labels_of["canary"] = 1
    app = create_app(Settings(models=("colour",), canaries={"colour": Share("canary", 1.0)}), predictor)
    response = app.test_client().post(INFER, json={"inputs": [tensor()]})
    assert (400, True) == (response.status_code, "[8, 8, 3]" in response.json["error"])


def test_health_and_metadata(client, predictor):
    """Health, readiness and metadata are told of the server, of a model and of a version."""
    assert "binary_tensor_data" in client.get("/v2").json["extensions"]
    assert {"live": True} == client.get("/v2/health/live").json
    assert 503 == client.get("/v2/health/ready").status_code  # `absent` is not there
    for address in ("/v2/models/colour", "/v2/models/colour/versions/1"):
        assert {"name": "colour", "ready": True} == client.get(f"{address}/ready").json
        told = client.get(address).json
        assert [{"name": "image", "datatype": "UINT8", "shape": [-1, 4, 6, 3]}] == told["inputs"]
        assert (["1"], ["red", "green", "blue"]) == (told["versions"], told["parameters"]["labels"])
    predictor.fails = errors.ModelUnavailable("refused")
    assert 503 == client.get("/v2/models/colour/ready").status_code
    assert {"live": True} == client.get("/v2/health/live").json


def test_addresses(client):
    """A model or version that is not there is 404; an address that is not there is a problem as anywhere."""
    for address in ("models/other", "models/other/ready", "models/colour/versions/7", "models/colour/versions/7/ready"):
        assert 404 == client.get(f"/v2/{address}").status_code
    assert 404 == client.post("/v2/models/colour/versions/7/infer", json={"inputs": [tensor()]}).status_code
    assert 415 == client.post(INFER, data=b"x", content_type="text/plain").status_code
    assert_problem(client.get("/v2/nowhere"), 404, "not-found")
    assert 405 == client.get(INFER).status_code
