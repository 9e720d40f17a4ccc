"""Whatever the body and the headers are, the answer is a result or a problem in words."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.app import create_app
from gateway.json_body import read_json
from gateway.settings import Settings
from tests.hostile.bodies.requests import INFER, INSTANCES, PREDICT, TEXT
from tests.unit.gateway.fakes import FakePredictor

SIZE = (4, 6)  # of the fake model's pictures
ADDRESSES = st.sampled_from([PREDICT, INSTANCES, INFER])
KINDS = st.sampled_from(
    ["application/json", "multipart/form-data; boundary=x", "image/png", "application/octet-stream", ""]
)
WORDS = [
    "instances",
    "url",
    "b64",
    "signature_name",
    "inputs",
    "name",
    "shape",
    "datatype",
    "data",
    "parameters",
    "outputs",
]
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()
)
HINTS = st.sampled_from(
    [TEXT, "http://127.0.0.1/", "image", "UINT8", "probabilities", "binary_data_size", "serving_default"]
)
VALUES = st.recursive(
    SCALARS | HINTS,
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)
FORM_PIECES = st.sampled_from(
    [
        b"--x",
        b"--",
        b"\r\n",
        b"\n",
        b"Content-Disposition: form-data",
        b'; name="file"',
        b'; filename="a"',
        b": ",
        b"\xff",
        b"a",
    ]
)
HEADER_TEXTS = st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"]), max_size=60)
HEADERS = st.sampled_from(
    [
        "X-Request-ID",
        "Content-Encoding",
        "Content-Length",
        "Accept",
        "Range",
        "traceparent",
        "Authorization",
        "X-API-Key",
        "Inference-Header-Content-Length",
        "X-Forwarded-For",
        "Origin",
        "Access-Control-Request-Method",
        "Cookie",
    ]
)

many = settings(max_examples=60, deadline=None)


@pytest.fixture(scope="module")
def client():
    predictor = FakePredictor()
    predictor.size = SIZE
    return create_app(Settings(models=("small",), fetch_timeout_s=0.5), predictor).test_client()


def assert_in_words(response):
    assert response.status_code == 200 or 400 <= response.status_code < 500, response.text
    if response.status_code != 200:
        assert "application/problem+json" == response.content_type
        assert response.json["status"] == response.status_code


@many
@given(address=ADDRESSES, document=VALUES)
def test_any_json(client, address, document):
    """Any JSON value at any address that reads JSON."""
    assert_in_words(client.post(address, json=document))


@many
@given(address=ADDRESSES, kind=KINDS, body=st.binary(max_size=300) | st.lists(FORM_PIECES, max_size=30).map(b"".join))
def test_any_bytes(client, address, kind, body):
    """Any bytes under any Content-Type."""
    assert_in_words(client.post(address, data=body, content_type=kind))


@many
@given(name=HEADERS, value=HEADER_TEXTS, kind=HEADER_TEXTS)
def test_any_header(client, name, value, kind):
    """Any text that a header can hold, Content-Type among them."""
    body = json.dumps({"b64": TEXT}).encode()
    assert_in_words(client.post(PREDICT, data=body, headers={name: value}, content_type="application/json"))
    assert_in_words(client.post(PREDICT, data=body, content_type=kind))


@many
@given(
    shape=st.lists(st.integers(-1, 7), max_size=5) | st.just([1, *SIZE, 3]),
    data=st.lists(st.integers(-1, 256), max_size=80) | st.lists(st.integers(0, 255), min_size=72, max_size=72),
    outputs=st.lists(st.sampled_from(["probabilities", "label", "x"]), max_size=2),
)
def test_any_tensor(client, shape, data, outputs):
    """A tensor is answered if and only if it is what its shape says and what the model takes."""
    tensor = {"name": "image", "datatype": "UINT8", "shape": shape, "data": data}
    document = {"inputs": [tensor], "outputs": [{"name": name} for name in outputs]}
    response = client.post(INFER, json=document)
    assert_in_words(response)
    is_tensor = shape == [1, *SIZE, 3] and len(data) == 72 and set(data) <= set(range(256))
    is_wish = "x" not in outputs and len(outputs) == len(set(outputs))
    assert (is_tensor and is_wish) == (response.status_code == 200)


@many
@given(document=VALUES)
def test_json_means_what_it_says(document):
    """What json writes is read as the same value."""
    assert document == read_json(json.dumps(document).encode())
    assert document == read_json(json.dumps(document, ensure_ascii=False).encode())
