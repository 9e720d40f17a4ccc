"""Tensors cross the wire unchanged, and a malformed one is refused by name."""

import numpy as np
import pytest

from serving_api import serving_pb2 as pb
from serving_api.tensors import NUMPY_OF, TensorError, shape_proto, to_array, to_tensor_proto

NUMBERS = [dtype for dtype in NUMPY_OF if dtype != pb.DT_STRING]


@pytest.mark.parametrize("dtype", NUMBERS, ids=pb.DataType.Name)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3, 4)], ids=str)
def test_numbers_survive_the_round_trip(dtype, shape):
    """Every numeric dtype comes back with its dtype, shape and values."""
    values = np.arange(24).astype(NUMPY_OF[dtype])[: int(np.prod(shape))].reshape(shape)
    tensor = pb.TensorProto.FromString(to_tensor_proto(values).SerializeToString())
    back = to_array(tensor)
    assert (dtype, values.dtype, shape) == (tensor.dtype, back.dtype, back.shape)
    assert values.tobytes() == back.tobytes()


def test_strings_survive_the_round_trip():
    """Bytes stay bytes, text becomes UTF-8, and the shape is kept."""
    back = to_array(to_tensor_proto([["a", b"\xff"], ["ü", b""]]))
    assert [[b"a", b"\xff"], ["ü".encode(), b""]] == back.tolist()


def test_an_array_is_a_view_of_the_message():
    """Reading `tensor_content` copies nothing, and the view cannot be written."""
    back = to_array(to_tensor_proto(np.zeros((1, 224, 224, 3), np.uint8)))
    assert (False, False) == (back.flags.owndata, back.flags.writeable)


def test_big_endian_and_strided_input_is_sent_little_endian_and_dense():
    """The wire is little-endian and row-major whatever the array in memory is."""
    values = np.arange(12, dtype=">i4").reshape(3, 4)[:, ::2]
    assert [[0, 2], [4, 6], [8, 10]] == to_array(to_tensor_proto(values)).tolist()


@pytest.mark.parametrize(
    ("dtype", "fields", "expected"),
    [
        (pb.DT_FLOAT, {"float_val": [1.5]}, [1.5, 1.5, 1.5]),
        (pb.DT_UINT8, {"int_val": [7, 9]}, [7, 9, 9]),
        (pb.DT_HALF, {"half_val": [0x3C00]}, [1.0, 1.0, 1.0]),
        (pb.DT_COMPLEX64, {"scomplex_val": [1, 2]}, [1 + 2j] * 3),
        (pb.DT_STRING, {"string_val": [b"x"]}, [b"x"] * 3),
        (pb.DT_INT64, {}, [0, 0, 0]),
        (pb.DT_STRING, {}, [b""] * 3),
    ],
)
def test_short_value_lists_repeat_their_last_value(dtype, fields, expected):
    """A typed list that is shorter than the tensor is filled as TensorFlow fills it."""
    assert expected == to_array(pb.TensorProto(dtype=dtype, tensor_shape=shape_proto([3]), **fields)).tolist()


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (pb.TensorProto(dtype=pb.DT_FLOAT, tensor_shape=shape_proto([2]), tensor_content=b"1234"), "needs 8"),
        (pb.TensorProto(dtype=pb.DT_FLOAT, tensor_shape=shape_proto([None]), tensor_content=b"1234"), "fully defined"),
        (pb.TensorProto(dtype=pb.DT_BFLOAT16, tensor_shape=shape_proto([1])), "DT_BFLOAT16 is not supported"),
        (pb.TensorProto(dtype=999), "999 is not supported"),
        (pb.TensorProto(dtype=pb.DT_UINT8, tensor_shape=shape_proto([1]), int_val=[300]), "does not fit DT_UINT8"),
        (pb.TensorProto(dtype=pb.DT_FLOAT, tensor_shape=shape_proto([1]), float_val=[1, 2]), "2 values for the 1"),
        (pb.TensorProto(dtype=pb.DT_STRING, tensor_shape=shape_proto([1]), string_val=[b"", b""]), "2 strings for 1"),
        (pb.TensorProto(dtype=pb.DT_FLOAT, tensor_shape=shape_proto([1 << 40])), "elements"),
        (pb.TensorProto(dtype=pb.DT_FLOAT, tensor_shape=shape_proto([1] * 65)), "65 dimensions"),
    ],
)
def test_a_malformed_tensor_is_refused(tensor, message):
    """A message whose parts disagree, or that asks for absurd memory, is a TensorError that says what is wrong."""
    with pytest.raises(TensorError, match=message):
        to_array(tensor)


def test_an_array_without_tensor_dtype_is_refused():
    """Dates and objects have no tensor dtype."""
    with pytest.raises(TensorError, match="datetime64"):
        to_tensor_proto(np.zeros(1, "datetime64[s]"))
    with pytest.raises(TensorError, match="int"):
        to_tensor_proto(np.array([1, "a"], dtype=object))
