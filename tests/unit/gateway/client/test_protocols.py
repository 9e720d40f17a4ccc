"""Servers that keep a protocol otherwise than those of this repository, or do not keep it.

tests/contract/test_client.py has the real ones.
"""

import json

import pytest
from PIL import Image

from gateway.client import ClientError, Mismatch, Patience, Refused, UsageError, connect
from serving_api import errors
from tests.unit.gateway.client.scripted import scripted
from tests.unit.gateway.drawn import encode
from tests.unit.gateway.fakes import FakePredictor
from tests.unit.gateway.verify.running import gateway

PICTURE = encode(Image.new("RGB", (4, 4), "#ff0000"))
METADATA = {
    "name": "m",
    "versions": ["1", "10", "2"],
    "inputs": [{"name": "x", "datatype": "UINT8", "shape": [-1, 1, 2, 3]}],
    "outputs": [],
    "parameters": {"labels": ["a", "b"]},
}
ANSWER = {
    "model_version": "10",
    "outputs": [{"name": "probabilities", "datatype": "FP32", "shape": [1, 2], "data": [0.25, 0.75]}],
}


def ask(protocol, *answers):
    """Classify a picture by a script of (status and) JSON answers. Returns: what came, and the script."""
    told = [(200, {}, answer) for answer in answers]
    with scripted(*told) as script, connect(script.address, protocol, patience=Patience(tries=1)) as client:
        try:
            return client.classify(PICTURE, "m"), script
        except ClientError as error:
            return error, script


def test_open_inference_without_the_binary_extension():
    """A server that does not say that it reads bytes is sent numbers, at its newest version by number."""
    found, script = ask("kserve-v2", METADATA, METADATA, {"extensions": []}, ANSWER)
    assert ({"a": 0.25, "b": 0.75}, 10) == (found.probabilities, found.version)
    assert ["/v2/models/m", "/v2/models/m/versions/10", "/v2", "/v2/models/m/versions/10/infer"] == [
        path for _, path, _, _ in script.seen
    ]
    (sent,) = json.loads(script.seen[-1][3])["inputs"]
    assert {"name": "x", "datatype": "UINT8", "shape": [1, 1, 2, 3], "data": [255, 0, 0] * 2} == sent


@pytest.mark.parametrize(
    "metadata",
    [
        [],
        {},
        {**METADATA, "versions": ["one"]},
        {**METADATA, "inputs": []},
        {**METADATA, "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 1, 2, 3]}]},
        {**METADATA, "inputs": [{"name": "x", "datatype": "UINT8", "shape": [-1, -1, -1, 3]}]},
        {**METADATA, "parameters": {}},
        {**METADATA, "parameters": None},
    ],
    ids=str,
)
def test_metadata_of_no_image_classifier(metadata):
    """A model that takes something else, or does not name its labels, is refused before a picture is sent."""
    error, script = ask("kserve-v2", metadata)
    assert Mismatch is type(error)
    assert {"GET"} == {method for method, _, _, _ in script.seen}


@pytest.mark.parametrize(
    "answer",
    [
        [],
        {"outputs": None},
        {**ANSWER, "model_version": "2"},
        {**ANSWER, "outputs": []},
        {**ANSWER, "outputs": [{**ANSWER["outputs"][0], "data": [0.25, "x"]}]},
        {**ANSWER, "outputs": [{**ANSWER["outputs"][0], "data": [0.25, 0.9]}]},
        {**ANSWER, "outputs": [{**ANSWER["outputs"][0], "data": [float("nan"), 1.0]}]},
        {**ANSWER, "outputs": [{**ANSWER["outputs"][0], "shape": [2, 2]}]},
    ],
    ids=str,
)
def test_an_answer_that_cannot_be_believed(answer):
    """Another version, no probabilities, NaN and rows that do not sum to one are no prediction."""
    error, _ = ask("kserve-v2", METADATA, METADATA, {"extensions": []}, answer)
    assert Mismatch is type(error), error


SIGNATURE = {
    "inputs": {"image": {"dtype": "DT_UINT8", "tensor_shape": {"dim": [{"size": s} for s in ("-1", "1", "2", "3")]}}},
    "outputs": {"probabilities": {"dtype": "DT_FLOAT"}, "more": {"dtype": "DT_INT64"}},
}
DESCRIBE = {"inputs": {"key": {"dtype": "DT_STRING"}}, "outputs": {"value": {"dtype": "DT_STRING"}}}
SERVING = {
    "model_spec": {"name": "m", "signature_name": "", "version": "7"},
    "metadata": {"signature_def": {"signature_def": {"serving_default": SIGNATURE, "describe": DESCRIBE}}},
}
STATES = {"model_version_status": [{"version": "7", "state": "AVAILABLE", "status": {"error_message": ""}}]}
TEXTS = ['["a", "b"]', '{"task": "t"}']


def test_rest_with_several_outputs():
    """Where there are several outputs each has its name, by columns and by rows."""
    columns = {"outputs": {"probabilities": [[0.25, 0.75]], "more": [1]}}
    found, script = ask("serving-rest", SERVING, {"outputs": TEXTS}, columns)
    assert ({"a": 0.25, "b": 0.75}, 7) == (found.probabilities, found.version)
    assert {"image": [[[[255, 0, 0], [255, 0, 0]]]]} == json.loads(script.seen[-1][3])["inputs"]
    rows = {"predictions": [{"probabilities": [0.25, 0.75], "more": 1}]}
    found, script = ask("kserve-v1", STATES, SERVING, {"predictions": TEXTS}, rows)
    assert ({"a": 0.25, "b": 0.75}, 7) == (found.probabilities, found.version)
    assert [{"image": [[[255, 0, 0], [255, 0, 0]]]}] == json.loads(script.seen[-1][3])["instances"]


@pytest.mark.parametrize(
    "answers",
    [
        ({},),
        ({**SERVING, "model_spec": {}},),
        ({**SERVING, "metadata": {"signature_def": {"signature_def": []}}},),
        (SERVING, {"outputs": ["no JSON", "{}"]}),
        (SERVING, {"predictions": TEXTS}),
        (SERVING, {"outputs": TEXTS}, {"outputs": {"probabilities": [[0.25], [0.75, 1]], "more": [1]}}),
        (SERVING, {"outputs": TEXTS}, {"outputs": {"probabilities": [[0.25, 0.75]]}}),
    ],
    ids=str,
)
def test_rest_that_is_not_tensorflow_servings(answers):
    """Metadata, labels or tensors of another form are an error of one line."""
    error, _ = ask("serving-rest", *answers)
    assert Mismatch is type(error), error


def test_kserve_v1_of_an_unknown_server():
    """A server that does not say what an instance is, is not guessed at."""
    error, script = ask("kserve-v1", {"name": "m", "ready": True})
    assert (Mismatch, 1) == (type(error), len(script.seen))


def test_a_gateway_lists_models_that_do_not_answer():
    """One model that is not there does not hide the others."""
    with gateway(models=("colour", "absent")) as address, connect(address) as client:
        there, absent = client.models()
    assert ("colour", 1, "AVAILABLE", (4, 6)) == (there.name, there.version, there.state, (there.height, there.width))
    assert ("absent", 0, ()) == (absent.name, absent.version, absent.labels)


def test_a_gateway_without_its_model_server():
    """503 is Unavailable after the tries, with the gateway's own sentence."""
    predictor = FakePredictor()
    predictor.fails = errors.ModelUnavailable("no server")
    once = Patience(tries=1)
    with (
        gateway(predictor) as address,
        connect(address, patience=once) as client,
        pytest.raises(ClientError) as raised,
    ):
        client.classify(PICTURE)
    assert 4 == raised.value.exit_status
    assert raised.value.retry_after_s > 0


@pytest.mark.parametrize("protocol", ["serving-rest", "serving-grpc", "kserve-v1", "kserve-v2"])
def test_only_a_gateway_has_a_default_and_a_list(protocol):
    """Elsewhere a model must be named, which is said before anybody is asked."""
    with connect("localhost:1", protocol) as client:
        for call in (client.models, lambda: client.classify(PICTURE)):
            with pytest.raises(UsageError, match="name"):
                call()


@pytest.mark.parametrize(
    ("address", "protocol", "ca_file"),
    [
        ("", "soap", ""),
        ("http://host:1", "serving-grpc", ""),
        ("https://host", "gateway", "no-such.pem"),
        ("ftp://host", "kserve-v2", ""),
    ],
)
def test_what_cannot_be_used_is_said_at_once(address, protocol, ca_file):
    """Protocol, address and file are looked at before anybody is asked."""
    with pytest.raises(UsageError):
        connect(address, protocol, ca_file=ca_file)


def test_names_are_quoted():
    """No model name leads to another address."""
    with scripted((404, {}, {"error": "no"})) as script, connect(script.address) as client:
        with pytest.raises(Refused):
            client.describe("../a b?", label="x/y")
        assert "/v1/models/..%2Fa%20b%3F/labels/x%2Fy" == script.seen[0][1]
