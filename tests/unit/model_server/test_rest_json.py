import json

import numpy as np
import pytest
from grpc import StatusCode

from model_server.errors import StatusError
from model_server.rest_json import read_predict, read_signature_name, write_predict
from serving_api import serving_pb2 as pb
from serving_api.tensors import to_array, to_tensor_proto

ONE = {"image": pb.TensorInfo(dtype=pb.DT_INT32)}
TEXT = {"key": pb.TensorInfo(dtype=pb.DT_STRING)}
TWO = {"x": pb.TensorInfo(dtype=pb.DT_FLOAT), "tag": pb.TensorInfo(dtype=pb.DT_STRING)}


def read(body, infos):
    return read_predict(json.dumps(body).encode(), lambda _: infos)


def values(call):
    return {name: to_array(tensor).tolist() for name, tensor in call.inputs.items()}


def write(row_format, **outputs):
    return json.loads(write_predict({k: to_tensor_proto(v) for k, v in outputs.items()}, row_format=row_format))


@pytest.mark.parametrize(
    ("body", "infos", "inputs"),
    [
        ({"instances": [[1, 2], [3, 4]]}, ONE, {"image": [[1, 2], [3, 4]]}),
        ({"instances": [{"image": 1}, {"image": 2}]}, ONE, {"image": [1, 2]}),
        ({"instances": [{"b64": "YQ=="}, "b"]}, TEXT, {"key": [b"a", b"b"]}),
        ({"instances": [{"key": {"b64": "YQ=="}}]}, TEXT, {"key": [b"a"]}),
        ({"instances": [{"x": [1], "tag": "a"}, {"tag": "b", "x": [2]}]}, TWO, {"x": [[1], [2]], "tag": [b"a", b"b"]}),
        ({"inputs": [[1]]}, ONE, {"image": [[1]]}),
        ({"inputs": 1}, ONE, {"image": 1}),
        ({"inputs": {"b64": "YQ=="}}, TEXT, {"key": b"a"}),
        ({"inputs": {"x": [1, 2, 3], "tag": "a"}}, TWO, {"x": [1, 2, 3], "tag": b"a"}),
    ],
)
def test_read(body, infos, inputs):
    """Rows and columns, named or not, become the same kind of tensors."""
    call = read(body, infos)
    assert inputs == values(call)
    assert ("instances" in body) == call.row_format


def test_signature_is_asked_for_by_name():
    """The signature of the body chooses the inputs; without one it is the default."""
    asked = []
    read_predict(b'{"signature_name": "describe", "inputs": 1}', lambda name: asked.append(name) or ONE)
    read_predict(b'{"inputs": 1}', lambda name: asked.append(name) or ONE)
    assert ["describe", ""] == asked
    assert "describe" == read_signature_name(b'{"signature_name": "describe"}')


@pytest.mark.parametrize(
    ("body", "infos"),
    [
        ({"instances": 3}, ONE),
        ({"instances": []}, ONE),
        ({"instances": [1], "inputs": [1]}, ONE),
        ({}, ONE),
        ({"instances": [1]}, {}),
        ({"instances": [1, 2]}, TWO),
        ({"instances": [{"image": 1}, 2]}, ONE),
        ({"instances": [{"image": 1, "more": 1}]}, ONE),
        ({"instances": [{"x": 1}]}, TWO),
        ({"instances": [{"b64": "YQ=="}]}, TWO),
        ({"inputs": [1]}, TWO),
        ({"inputs": {"x": [1]}}, TWO),
        ({"inputs": [1], "signature_name": None}, ONE),
    ],
)
def test_read_refused(body, infos):
    """A body that does not fit the signature is INVALID_ARGUMENT."""
    with pytest.raises(StatusError) as failure:
        read(body, infos)
    assert StatusCode.INVALID_ARGUMENT == failure.value.code


@pytest.mark.parametrize(
    "body", [b"", b"{", b"nul", b"\xff\xfe", b"[]", b'"a"', b"[" * 100_000, b'{"a": ' + b"1" * 5000]
)
def test_not_json(body):
    """A body that is no JSON object is INVALID_ARGUMENT, however it is broken."""
    with pytest.raises(StatusError, match="JSON"):
        read_predict(body, lambda _: ONE)


def test_write_rows():
    """Rows of one output go without its name, rows of several are objects."""
    assert {"predictions": [[1, 2], [3, 4]]} == write(True, y=[[1, 2], [3, 4]])
    assert {"predictions": [{"y": 1, "t": "a"}, {"y": 2, "t": "b"}]} == write(True, y=[1, 2], t=["a", "b"])


def test_write_columns():
    """Columns of one output go without its name, columns of several are an object, of any sizes."""
    assert {"outputs": 1.5} == write(False, y=np.float32(1.5))
    assert {"outputs": {"y": [1, 2], "t": "a"}} == write(False, y=[1, 2], t="a")


@pytest.mark.parametrize("outputs", [{"y": 1.0}, {"y": [1], "z": [1, 2]}, {"y": np.zeros((0, 2))}])
def test_write_rows_refused(outputs):
    """Outputs without a common number of rows have no row format."""
    with pytest.raises(StatusError) as failure:
        write(True, **outputs)
    assert StatusCode.INVALID_ARGUMENT == failure.value.code
