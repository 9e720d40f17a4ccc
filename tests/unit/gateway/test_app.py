"""Rules of contract 3, with a model server that is not there."""

import base64
import io
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from gateway.app import create_app
from gateway.foreign import ForeignModel
from gateway.settings import Settings
from serving_api import errors
from tests.unit.gateway.drawn import encode
from tests.unit.gateway.fakes import FakePredictor

RED, GREEN = (encode(Image.new("RGB", (20, 10), colour)) for colour in ("#ff0000", "#00ff00"))
PREDICT = "/v1/models/colour:predict"


@pytest.fixture
def predictor():
    return FakePredictor()


@pytest.fixture
def client(predictor):
    return client_of(predictor)


def client_of(predictor, **settings):
    return create_app(Settings(models=("colour", "absent"), **settings), predictor).test_client()


def b64(data):
    return {"b64": base64.b64encode(data).decode()}


def assert_problem(response, status, name):
    """Assert an answer to be a problem of this kind, with all that RFC 9457 and contract 3 ask for."""
    problem = json.loads(response.data)
    assert (status, f"urn:image-classifiers:problem:{name}") == (response.status_code, problem["type"])
    assert "application/problem+json" == response.content_type
    assert {"type", "title", "status", "detail", "request_id"} == set(problem)
    assert status == problem["status"]
    assert response.headers["X-Request-ID"] == problem["request_id"]
    assert (status in (429, 503)) == ("Retry-After" in response.headers)
    assert "Traceback" not in response.text


@pytest.mark.parametrize(
    "request_of",
    [
        {"json": b64(RED)},
        {"json": {"b64": "data:image/png;base64,\n" + base64.b64encode(RED).decode()}},
        {"data": RED, "content_type": "image/png"},
        {"data": RED, "content_type": "application/octet-stream"},
    ],
)
def test_predict_by_the_default_model(client, request_of):
    """POST /predict answers label and probability of one picture, in the model's order."""
    response = client.post("/predict", **request_of)
    assert 200 == response.status_code
    assert ["red", "green", "blue"] == list(response.json)
    assert 0.99 < response.json["red"]


def test_predict_of_a_form(client):
    """POST /predict takes a form's file; a file of any size stays in memory."""
    noise = encode(Image.fromarray(np.random.default_rng(0).integers(0, 255, (600, 600, 3), dtype=np.uint8)), "BMP")
    assert len(noise) > 1_000_000
    response = client.post("/predict", data={"file": (io.BytesIO(noise), "noise.bmp")})
    assert ["red", "green", "blue"] == list(response.json)


def test_instances_in_order_in_one_call(client, predictor):
    """Instances are answered in order, by one call of the model server; a bad one has its error in its place."""
    instances = [b64(RED), {"b64": "!"}, b64(GREEN), b64(b"text"), {"uri": "x"}, b64(RED[:50])]
    response = client.post(PREDICT, json={"instances": instances})
    assert 200 == response.status_code
    assert {"name": "colour", "version": 1} == response.json["model"]
    predictions = response.json["predictions"]
    assert ["red", "green"] == [predictions[0]["label"], predictions[2]["label"]]
    assert predictions[0]["probability"] == predictions[0]["probabilities"]["red"]
    assert [400, 415, 400, 422] == [predictions[n]["error"]["status"] for n in (1, 3, 4, 5)]
    assert {"type", "title", "status", "detail"} == set(predictions[1]["error"])
    assert [("predict", 1, 2)] == [call for call in predictor.calls if call[0] == "predict"]


def test_all_instances_fail(client):
    """Where no instance can be answered, the first one's problem is the answer."""
    assert_problem(client.post(PREDICT, json={"instances": [b64(b"text"), b64(RED[:50])]}), 415, "not-a-picture")


def test_version_and_label(client, predictor):
    """A version or label in the address chooses the version; the answer names it."""
    for address in ("versions/1", "labels/stable"):
        response = client.post(f"/v1/models/colour/{address}:predict", json={"instances": [b64(RED)]})
        assert 1 == response.json["model"]["version"]
    for address in ("versions/2", "labels/canary"):
        response = client.post(f"/v1/models/colour/{address}:predict", json={"instances": [b64(RED)]})
        assert_problem(response, 404, "unknown-model")
    for number in (2**63, "9" * 5000, "-1", "\u0661"):
        too_long = client.post(f"/v1/models/colour/versions/{number}:predict", json={"instances": [b64(RED)]})
        assert_problem(too_long, 404, "not-found")


def test_a_version_that_goes_away(client, predictor):
    """A version that is replaced between two requests, or within one, is never the caller's problem."""
    assert 1 == client.post(PREDICT, json={"instances": [b64(RED)]}).json["model"]["version"]
    predictor.version = 2
    assert 2 == client.post(PREDICT, json={"instances": [b64(RED)]}).json["model"]["version"]


def test_catalog_is_believed_for_its_time(predictor):
    """The model server is asked what a model is once within the catalog's time, and anew after it."""
    client = client_of(predictor, catalog_ttl_s=3600.0)
    for _ in range(3):
        client.post(PREDICT, json={"instances": [b64(RED)]})
    assert ["signatures", "describe", "predict", "predict", "predict"] == [call[0] for call in predictor.calls]
    predictor.calls.clear()
    client = client_of(predictor, catalog_ttl_s=1e-9)
    for _ in range(2):
        client.post(PREDICT, json={"instances": [b64(RED)]})
    assert ["signatures", "describe", "predict", "signatures", "predict"] == [call[0] for call in predictor.calls]


def test_what_tensorflow_servings_clients_send(client):
    """The signature may be named, as there is only one."""
    named = client.post(PREDICT, json={"instances": [b64(RED)], "signature_name": "serving_default"})
    assert "red" == named.json["predictions"][0]["label"]


@pytest.mark.parametrize(
    ("request_of", "status", "name"),
    [
        ({"data": b"{", "content_type": "application/json"}, 400, "bad-request"),
        ({"data": b"[" * 100_000, "content_type": "application/json"}, 400, "bad-request"),
        ({"data": b"\xff", "content_type": "application/json"}, 400, "bad-request"),
        ({"json": []}, 400, "bad-request"),
        ({"json": {"instances": []}}, 400, "bad-request"),
        ({"json": {"instances": [{}]}}, 400, "bad-request"),
        ({"json": {"instances": [b64(RED)], "inputs": []}}, 400, "bad-request"),
        ({"json": {"instances": [b64(RED)], "signature_name": "describe"}}, 400, "bad-request"),
        ({"json": {"instances": [b64(RED) | {"extra": 1}]}}, 400, "bad-request"),
        ({"json": {"instances": [{"b64": "data:image/png," + b64(RED)["b64"]}]}}, 400, "bad-request"),
        ({"data": b"{}", "content_type": "application/json; charset=utf-16"}, 415, "not-a-picture"),
        ({"data": RED, "content_type": "image/png", "headers": {"Content-Encoding": "gzip"}}, 415, "not-a-picture"),
        ({"json": {"instances": [{"url": 1}]}}, 400, "bad-request"),
        ({"json": {"instances": [{"url": "file:///etc/passwd"}]}}, 400, "bad-url"),
        ({"json": {"instances": [{"url": "http://127.0.0.1:8501/"}]}}, 400, "bad-url"),
        ({"json": {"instances": [{"b64": ""}] * 17}}, 413, "too-large"),
        ({"data": {"picture": "x"}}, 415, "not-a-picture"),
        ({"data": {"file": ""}, "content_type": "multipart/form-data"}, 400, "bad-request"),
        ({"data": b"", "content_type": "image/png"}, 400, "bad-request"),
        ({"data": b"text", "content_type": "image/png"}, 415, "not-a-picture"),
        ({"data": b"text"}, 415, "not-a-picture"),
        ({"data": RED[:50], "content_type": "image/png"}, 422, "undecodable-picture"),
        ({"data": b"\0" * (2**20 + 1), "content_type": "image/png"}, 413, "too-large"),
        ({"data": b"\0" * 300_000, "content_type": "image/png"}, 413, "too-large"),
        ({"data": encode(Image.new("1", (200, 200))), "content_type": "image/png"}, 413, "too-large"),
    ],
)
def test_bad_input(predictor, request_of, status, name):
    """Bad input is the caller's problem by its kind, never a 500."""
    client = client_of(predictor, max_body_bytes=2**20, max_image_bytes=200_000, max_pixels=40_000)
    assert_problem(client.post(PREDICT, **request_of), status, name)


def test_addresses(client):
    """An address or method that is not there is a problem as well."""
    assert_problem(client.get("/nowhere"), 404, "not-found")
    assert_problem(client.get("/static/../app.py"), 404, "not-found")
    assert_problem(client.post("/v1/models/other:predict", json={"instances": [b64(RED)]}), 404, "unknown-model")
    assert_problem(client.get("/v1/models/other"), 404, "unknown-model")
    for refused in (client.delete("/predict"), client.get(PREDICT)):
        assert_problem(refused, 405, "method-not-allowed")
        assert "POST" in refused.headers["Allow"]


@pytest.mark.parametrize(
    ("error", "status", "name"),
    [
        (errors.ModelUnavailable("refused"), 503, "model-unavailable"),
        (errors.ModelNotFound("loading"), 503, "model-unavailable"),
        (errors.OverCapacity("queue"), 429, "over-capacity"),
        (errors.ModelTimeout("late"), 504, "out-of-time"),
        (errors.ContractMismatch("odd"), 502, "model-mismatch"),
        (errors.ServerError("broken"), 502, "model-mismatch"),
        (RuntimeError("secret"), 500, "internal"),
    ],
)
def test_the_model_server_fails(predictor, client, error, status, name):
    """Each failure of the model server has its status; its inner words stay in the log."""
    predictor.fails = error
    response = client.post(PREDICT, json={"instances": [b64(RED)]})
    assert_problem(response, status, name)
    assert str(error) not in response.text


@pytest.mark.parametrize(
    "break_it",
    [
        {"shape": (None, 10)},
        {"shape": (None, None, None, 3)},
        {"shape": (None, 4, 6, 1)},
        {"labels": b'["red", "green"]'},
        {"labels": b'["red"'},
        {"labels": b'{"red": 1}'},
        {"labels": b'["red", "green", "green"]'},
        {"labels": b'["red", "green", "\\ud800"]'},
        {"labels": b"[" * 100_000},
        {"labels": b"\xff"},
    ],
)
def test_a_model_that_breaks_its_contract(predictor, client, break_it):
    """A model whose signature, labels and answers do not fit together is told from bad input."""
    vars(predictor).update(break_it)
    assert_problem(client.post(PREDICT, json={"instances": [b64(RED)]}), 502, "model-mismatch")
    assert "gateway_model_mismatches_total 1.0" in client.get("/metrics").text.splitlines()


def test_foreign_model(predictor):
    """A model of a settings entry is fed as the entry says, and read with its labels and activation."""
    seen = []
    predictor.on_predict = seen.append
    entry = ForeignModel(("a", "b", "c"), scaling="none", activation="softmax", input="image", output="probabilities")
    client = client_of(predictor, foreign_models={"colour": entry})
    prediction = client.post(PREDICT, json={"instances": [b64(RED)]}).json["predictions"][0]
    assert "a" == prediction["label"]
    np.testing.assert_allclose(prediction["probability"], np.e / (np.e + 2), atol=1e-3)
    assert np.uint8 == seen[0].dtype
    assert "describe" not in [call[0] for call in predictor.calls]


def test_over_capacity(predictor):
    """Beyond the number of places a request is refused at once, and probes are answered still."""
    entered, leave = threading.Event(), threading.Event()
    predictor.on_predict = lambda images: (entered.set(), leave.wait(30))
    app = create_app(Settings(models=("colour",), max_in_flight=1, max_waiting=0), predictor)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(app.test_client().post, PREDICT, json={"instances": [b64(RED)]})
        assert entered.wait(30)
        assert_problem(app.test_client().post(PREDICT, json={"instances": [b64(RED)]}), 429, "predict-over-capacity")
        assert 200 == app.test_client().get("/healthz").status_code
        leave.set()
        assert 200 == first.result().status_code
    assert 200 == app.test_client().post(PREDICT, json={"instances": [b64(RED)]}).status_code


def test_models(client, predictor):
    """Models are listed with what a page needs; one that does not answer is listed with its state."""
    listed = client.get("/v1/models").json
    assert "colour" == listed["default"]
    expected = {
        "name": "colour",
        "state": "AVAILABLE",
        "version": 1,
        "labels": ["red", "green", "blue"],
        "input": {"height": 4, "width": 6},
        "task": "Which colour?",
    }
    assert expected == listed["models"][0]
    assert ("absent", "UNAVAILABLE", None) == tuple(listed["models"][1][key] for key in ("name", "state", "version"))
    shown = client.get("/v1/models/colour").json
    assert expected == {key: shown[key] for key in expected}
    assert [{"version": 1, "state": "AVAILABLE", "error": ""}] == shown["versions"]
    assert "Which colour?" == shown["card"]["task"]


def test_probes(client, predictor):
    """Liveness never asks the model server; readiness does."""
    assert 200 == client.get("/readyz").status_code
    predictor.fails = errors.ModelUnavailable("refused")
    assert 200 == client.get("/healthz").status_code
    assert_problem(client.get("/readyz"), 503, "model-unavailable")
    predictor.fails = None
    assert 200 == client.get("/readyz").status_code


def test_metrics_and_version(predictor):
    """Requests are counted by route, not by path; /version tells commit, revision and image."""
    client = client_of(predictor, commit="abc", revision="def", image="gateway:1")
    client.post(PREDICT, json={"instances": [b64(RED)]})
    client.get("/nowhere/1")
    text = client.get("/metrics").text
    assert (
        'gateway_requests_total{endpoint="/v1/models/<name>:predict",method="POST",status="200"} 1.0'
        in text.splitlines()
    )
    assert 'gateway_requests_total{endpoint="none",method="GET",status="404"} 1.0' in text.splitlines()
    assert 'gateway_pictures_total{outcome="ok",source="body"} 1.0' in text.splitlines()
    assert {"commit": "abc", "revision": "def", "image": "gateway:1"} == client.get("/version").json


def test_a_model_server_that_is_given_up_shows(predictor, client):
    """Whoever watches the gateway sees that it does not even ask the model server."""
    assert "gateway_model_server_given_up 0.0" in client.get("/metrics").text.splitlines()
    predictor.given_up = True
    assert "gateway_model_server_given_up 1.0" in client.get("/metrics").text.splitlines()


def test_request_id(client):
    """The caller's request id is kept where it is harmless, and replaced where it is not."""
    assert "a-1" == client.get("/healthz", headers={"X-Request-ID": "a-1"}).headers["X-Request-ID"]
    assert "a b" != client.get("/healthz", headers={"X-Request-ID": "a b"}).headers["X-Request-ID"]


def test_page_is_hardened(client):
    """The page, its parts and errors forbid inline script, frames and sniffing."""
    for address in ("/", "/static/index.html", "/nowhere"):
        headers = client.get(address).headers
        assert "script-src 'self'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert "nosniff" == headers["X-Content-Type-Options"]
    assert b"<!doctype html>" == client.get("/").data[:15]
