"""The REST API of the embedded model server, as TensorFlow Serving documents it, in both engines."""

import base64
import json
import socket

import numpy as np
import pytest

from tests.contract import small_model

TOLERANCE = 1e-3  # float16 weights


def test_status(server):
    """GET of a model answers the state of each version in the original's JSON form."""
    status, body = server.get("/v1/models/small")
    one = {"state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    assert (200, {"model_version_status": [{"version": "2", **one}, {"version": "1", **one}]}) == (status, body)


@pytest.mark.parametrize("path", ["/v1/models/small/versions/1", "/v1/models/small/labels/stable"])
def test_status_of_one_version(server, path):
    """A version or label in the path chooses the version."""
    status, body = server.get(path)
    assert (200, ["1"]) == (status, [one["version"] for one in body["model_version_status"]])


def test_metadata(server):
    """GET of /metadata answers the signatures in protobuf's JSON form."""
    status, body = server.get("/v1/models/small/metadata")
    assert 200 == status
    assert {"name": "small", "signature_name": "", "version": "2"} == body["model_spec"]
    image = body["metadata"]["signature_def"]["signature_def"]["serving_default"]["inputs"]["image"]
    sizes = [{"size": size, "name": ""} for size in ("-1", "8", "8", "3")]
    assert {
        "name": "serving_default_image:0",
        "dtype": "DT_UINT8",
        "tensor_shape": {"dim": sizes, "unknown_rank": False},
    } == image


@pytest.mark.parametrize(
    ("path", "version"),
    [("", 2), ("/versions/1", 1), ("/labels/stable", 1), ("/labels/canary", 2)],
)
def test_predict_rows(server, path, version):
    """`instances` are answered by `predictions`, one a row, without the name of the only output."""
    images = small_model.pictures(3)
    status, body = server.post(f"/v1/models/small{path}:predict", {"instances": images.tolist()})
    assert (200, ["predictions"]) == (status, list(body))
    np.testing.assert_allclose(body["predictions"], small_model.expected(images, version), atol=TOLERANCE)


@pytest.mark.parametrize("named", [False, True])
def test_predict_columns(server, named):
    """`inputs` are answered by `outputs`, with the only input named or not."""
    images = small_model.pictures(2)
    inputs = {"image": images.tolist()} if named else images.tolist()
    body = {"signature_name": "serving_default", "inputs": inputs}
    status, answer = server.post("/v1/models/small:predict", body)
    assert (200, ["outputs"]) == (status, list(answer))
    np.testing.assert_allclose(answer["outputs"], small_model.expected(images, 2), atol=TOLERANCE)


def test_predict_named_rows(server):
    """Instances may be objects that name the input."""
    images = small_model.pictures(2)
    status, body = server.post("/v1/models/small:predict", {"instances": [{"image": row.tolist()} for row in images]})
    assert 200 == status
    np.testing.assert_allclose(body["predictions"], small_model.expected(images, 2), atol=TOLERANCE)


def test_strings_and_base64(server):
    """A string input takes text and b64 objects alike."""
    keys = ["labels", {"b64": base64.b64encode(b"card").decode()}]
    status, body = server.post("/v1/models/small:predict", {"signature_name": "describe", "instances": keys})
    assert 200 == status
    assert [small_model.LABELS, json.loads(small_model.CARD)] == [json.loads(text) for text in body["predictions"]]


def test_several_tensors_in_rows(saved_model_server):
    """Several outputs are named in each row, and those named `_bytes` are base64."""
    rows = [{"x": [1, 2.5], "tag": {"b64": "/wA="}}, {"x": [3, 4], "tag": "é"}]
    status, body = saved_model_server.post("/v1/models/pair:predict", {"instances": rows})
    assert 200 == status
    assert [
        {"sum": 3.5, "tag_bytes": {"b64": "/wD/AA=="}},
        {"sum": 7.0, "tag_bytes": {"b64": base64.b64encode("éé".encode()).decode()}},
    ] == body["predictions"]


def test_several_tensors_in_columns(saved_model_server):
    """Several outputs in column format are an object; NaN and Infinity are tokens both ways."""
    body = b'{"inputs": {"x": [[NaN, 1], [Infinity, 1], [-Infinity, 1]], "tag": ["a", "b", "c"]}}'
    status, answer = saved_model_server.post("/v1/models/pair:predict", body)
    assert 200 == status
    np.testing.assert_array_equal([np.nan, np.inf, -np.inf], answer["outputs"]["sum"])
    assert [{"b64": "YWE="}, {"b64": "YmI="}, {"b64": "Y2M="}] == answer["outputs"]["tag_bytes"]


@pytest.mark.parametrize(
    ("path", "http"),
    [
        ("/v1/models/large", 404),
        ("/v1/models/large/metadata", 404),
        ("/v1/models/small/versions/7", 404),
        ("/v1/models/small/versions/7/metadata", 404),
        ("/v1/models/small/versions/99999999999999999999", 400),
        ("/v1/models/small/labels/nightly", 400),
        ("/v1/models", 400),
        ("/v1/nothing", 400),
        ("/v1/models/small:predict", 400),
        ("/v2/models/small", 404),
        ("/", 404),
    ],
)
def test_get_refused(server, path, http):
    """A path that names nothing answers the original's HTTP status and a JSON error."""
    status, body = server.get(path)
    assert (http, ["error"]) == (status, list(body))


IMAGE = small_model.pictures(1).tolist()


@pytest.mark.parametrize(
    ("path", "body", "http"),
    [
        ("large:predict", {"instances": IMAGE}, 404),
        ("small/versions/7:predict", {"instances": IMAGE}, 404),
        ("small/labels/nightly:predict", {"instances": IMAGE}, 400),
        ("small:explain", {"instances": IMAGE}, 400),
        ("small:predict", b"", 400),
        ("small:predict", b'{"instances": [', 400),
        ("small:predict", b"\xff\xfe\x00", 400),
        ("small:predict", b"[" * 100_000, 400),
        ("small:predict", [1], 400),
        ("small:predict", {}, 400),
        ("small:predict", {"instances": IMAGE, "inputs": IMAGE}, 400),
        ("small:predict", {"instances": []}, 400),
        ("small:predict", {"instances": IMAGE, "signature_name": "classify"}, 400),
        ("small:predict", {"instances": IMAGE, "signature_name": 3}, 400),
        ("small:predict", {"instances": [{"picture": IMAGE[0]}]}, 400),
        ("small:predict", {"inputs": {"picture": IMAGE}}, 400),
        ("small:predict", {"instances": [1, 2]}, 400),
        ("small:predict", {"instances": [IMAGE[0], IMAGE[0][:4]]}, 400),
        ("small:predict", {"instances": [[[["0"] * 3] * 8] * 8]}, 400),
        ("small:predict", {"instances": [[[[256] * 3] * 8] * 8]}, 400),
        ("small:predict", {"instances": [[[[0.5] * 3] * 8] * 8]}, 400),
        ("small:predict", {"signature_name": "describe", "instances": [{"b64": "not base64!"}]}, 400),
        ("small:classify", {"examples": [{"image": 1}]}, 400),
        ("small:regress", {"examples": [{"image": 1}]}, 400),
    ],
)
def test_post_refused(server, path, body, http):
    """A body that cannot be worked with answers 400 (404 for what is not there) and a JSON error, never a 500."""
    status, answer = server.post(f"/v1/models/{path}", body)
    assert (http, ["error"]) == (status, list(answer))
    assert answer["error"]


def test_large_body(litert_server):
    """A body of more than 4 MiB is answered."""
    images = small_model.pictures(6_000)
    body = json.dumps({"instances": images.tolist()}).encode()
    assert len(body) > 4 * 1024 * 1024
    status, answer = litert_server.post("/v1/models/small:predict", body)
    assert 200 == status
    np.testing.assert_allclose(answer["predictions"], small_model.expected(images, 2), atol=TOLERANCE)


def test_body_beyond_the_limit(litert_server):
    """A body of more than 64 MiB is refused by its length, before it is sent."""
    with socket.create_connection(("localhost", litert_server.rest_port), timeout=30) as connection:
        connection.sendall(b"POST /v1/models/small:predict HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n")
        assert b"413" in connection.recv(1000).split(b"\r\n")[0]


def test_metrics(server):
    """The Prometheus page counts requests under the original's metric name."""
    server.post("/v1/models/small:predict", {"instances": IMAGE})
    assert ":tensorflow:serving:request_count" in server.text("/monitoring/prometheus/metrics")
