import json
import math

import numpy as np
import pytest
from grpc import StatusCode

from model_server.errors import StatusError
from model_server.json_tensors import show, to_list, to_tensor
from serving_api import serving_pb2 as pb
from serving_api.tensors import to_array


def convert(value, dtype):
    return to_array(to_tensor(value, pb.TensorInfo(dtype=dtype), "x"))


def refused(value, dtype):
    with pytest.raises(StatusError) as failure:
        convert(value, dtype)
    return failure.value


@pytest.mark.parametrize(
    ("value", "dtype", "array"),
    [
        (5, pb.DT_INT32, np.int32(5)),
        ([0, 255], pb.DT_UINT8, np.array([0, 255], np.uint8)),
        ([-128, 127], pb.DT_INT8, np.array([-128, 127], np.int8)),
        ([2**64 - 1], pb.DT_UINT64, np.array([2**64 - 1], np.uint64)),
        ([-(2**63)], pb.DT_INT64, np.array([-(2**63)], np.int64)),
        ([[1, 2.5]], pb.DT_FLOAT, np.array([[1, 2.5]], np.float32)),
        ([math.nan, math.inf, -math.inf], pb.DT_DOUBLE, np.array([np.nan, np.inf, -np.inf])),
        ([[True], [False]], pb.DT_BOOL, np.array([[True], [False]])),
        ([], pb.DT_FLOAT, np.zeros(0, np.float32)),
        ([[], []], pb.DT_FLOAT, np.zeros((2, 0), np.float32)),
    ],
)
def test_numbers(value, dtype, array):
    """A JSON value has the tensor's dtype and its own shape."""
    converted = convert(value, dtype)
    assert (array.dtype, array.shape) == (converted.dtype, converted.shape)
    np.testing.assert_array_equal(array, converted)


@pytest.mark.parametrize("text", ["YQ==", "YQ", " Y Q = = "])
def test_base64(text):
    """Base64 may lack its padding and hold white space, as in the original."""
    assert [b"a", b"b"] == convert([{"b64": text}, "b"], pb.DT_STRING).tolist()


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        ([256], pb.DT_UINT8),
        ([-1], pb.DT_UINT32),
        ([2**63], pb.DT_INT64),
        ([1.0], pb.DT_INT32),
        ([True], pb.DT_INT32),
        ([1, True], pb.DT_FLOAT),
        ([1], pb.DT_BOOL),
        (["1"], pb.DT_FLOAT),
        ([None], pb.DT_FLOAT),
        ([1], pb.DT_STRING),
        ([{"b64": "YQ=="}], pb.DT_FLOAT),
        ([{"b64": "???"}], pb.DT_STRING),
        ([{"b64": 1}], pb.DT_STRING),
        ([{"text": "a"}], pb.DT_STRING),
        (["\ud800"], pb.DT_STRING),
        ([1e39], pb.DT_FLOAT),
        ([2**24], pb.DT_FLOAT),
        ([10**400], pb.DT_DOUBLE),
        ([[1, 2], [3]], pb.DT_FLOAT),
        ([[1], 2], pb.DT_FLOAT),
        ([1, [2]], pb.DT_FLOAT),
    ],
)
def test_refused(value, dtype):
    """What does not fit the dtype or is ragged is INVALID_ARGUMENT, and names the input."""
    error = refused(value, dtype)
    assert StatusCode.INVALID_ARGUMENT == error.code
    assert "input x" in error.message


def test_deep_nesting():
    """Lists nested beyond what arrays can have are INVALID_ARGUMENT."""
    assert "levels of lists" in refused(json.loads("[" * 200 + "]" * 200), pb.DT_FLOAT).message


def test_dtype_without_a_json_form():
    """A dtype that the documentation does not list is UNIMPLEMENTED."""
    assert StatusCode.UNIMPLEMENTED == refused([1], pb.DT_COMPLEX64).code


def test_float32_is_written_short():
    """A float32 is written with the digits that it needs, and reads back as the same number."""
    values = np.array([0.2, 1e-10, 1, 3.4e38], np.float32)
    assert "[0.2, 1e-10, 1.0, 3.4e+38]" == json.dumps(to_list("x", values))


@pytest.mark.parametrize(
    ("name", "array", "value"),
    [
        ("x", np.array(3, np.int64), 3),
        ("x", np.array([[True]]), [[True]]),
        ("x", np.array([0.1]), [0.1]),
        ("text", np.array([b"\xc3\xa9", b"\xff"], dtype=object), ["é", "\ufffd"]),
        ("x_bytes", np.array([b"\xff"], dtype=object), [{"b64": "/w=="}]),
        ("x_bytes", np.array([1], np.uint8), [1]),
    ],
)
def test_to_list(name, array, value):
    """An output keeps its nesting; strings are binary only under a name that ends in `_bytes`."""
    assert value == to_list(name, array)


def test_output_without_a_json_form():
    """An output dtype that JSON has no form for is INVALID_ARGUMENT, as in the original."""
    with pytest.raises(StatusError) as failure:
        to_list("x", np.zeros(1, np.complex64))
    assert StatusCode.INVALID_ARGUMENT == failure.value.code


def test_show_is_short():
    """An error does not repeat a whole picture."""
    assert len(show([0] * 10_000)) < 100
