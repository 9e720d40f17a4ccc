"""Turn NumPy arrays into TensorProto messages and back, without copies where the wire allows it.

The wire format is that of `tensorflow/core/framework/tensor.proto`: numbers travel as `tensor_content` (row-major,
little-endian) or as one of the typed `*_val` lists, where a list shorter than the tensor repeats its last value.
"""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from serving_api import serving_pb2 as pb

Array = npt.NDArray[Any]

NUMPY_OF: dict[int, np.dtype[Any]] = {
    pb.DT_FLOAT: np.dtype("<f4"),
    pb.DT_DOUBLE: np.dtype("<f8"),
    pb.DT_INT32: np.dtype("<i4"),
    pb.DT_UINT8: np.dtype("u1"),
    pb.DT_INT16: np.dtype("<i2"),
    pb.DT_INT8: np.dtype("i1"),
    pb.DT_STRING: np.dtype(object),
    pb.DT_COMPLEX64: np.dtype("<c8"),
    pb.DT_INT64: np.dtype("<i8"),
    pb.DT_BOOL: np.dtype("?"),
    pb.DT_UINT16: np.dtype("<u2"),
    pb.DT_COMPLEX128: np.dtype("<c16"),
    pb.DT_HALF: np.dtype("<f2"),
    pb.DT_UINT32: np.dtype("<u4"),
    pb.DT_UINT64: np.dtype("<u8"),
}
DTYPE_OF: dict[np.dtype[Any], pb.DataType] = {
    numpy_dtype: pb.DataType.ValueType(number) for number, numpy_dtype in NUMPY_OF.items()
}

# Which typed list holds the numbers of a dtype when `tensor_content` is empty.
_FIELD_OF: dict[int, str] = {
    pb.DT_FLOAT: "float_val",
    pb.DT_DOUBLE: "double_val",
    pb.DT_INT32: "int_val",
    pb.DT_UINT8: "int_val",
    pb.DT_INT16: "int_val",
    pb.DT_INT8: "int_val",
    pb.DT_COMPLEX64: "scomplex_val",
    pb.DT_INT64: "int64_val",
    pb.DT_BOOL: "bool_val",
    pb.DT_UINT16: "int_val",
    pb.DT_COMPLEX128: "dcomplex_val",
    pb.DT_HALF: "half_val",
    pb.DT_UINT32: "uint32_val",
    pb.DT_UINT64: "uint64_val",
}
# A list field may be shorter than the tensor, so a few bytes can ask for any amount of memory: refuse beyond this.
MAX_ELEMENTS = 1 << 28
_MAX_RANK = 64  # NumPy's


class TensorError(ValueError):
    """A tensor that cannot be sent, or a message that is no proper tensor."""


def dtype_name(dtype: int) -> str:
    """Name a DataType as TensorFlow prints it, such as `DT_FLOAT`; a number that is not known stays a number."""
    return pb.DataType.Name(pb.DataType.ValueType(dtype)) if dtype in pb.DataType.values() else str(dtype)


def shape_proto(shape: Sequence[int | None]) -> pb.TensorShapeProto:
    """Write a shape as a message; None stands for a dimension of any size."""
    return pb.TensorShapeProto(dim=[pb.TensorShapeProto.Dim(size=-1 if n is None else n) for n in shape])


def to_tensor_proto(array: npt.ArrayLike) -> pb.TensorProto:
    """Write an array as a message.

    Args:
        array: numbers or booleans of any shape; or bytes and strings (UTF-8), which become DT_STRING.
    Returns: TensorProto with `tensor_content`, or with `string_val` for strings.
    Raises: TensorError where TensorFlow has no such dtype.
    """
    # NumPy's own string dtypes lose trailing zero bytes.
    values = np.array(array, dtype=object) if isinstance(_first(array), bytes | str) else np.asarray(array)
    shape = shape_proto(values.shape)
    if values.dtype.kind in "OSU":
        return pb.TensorProto(dtype=pb.DT_STRING, tensor_shape=shape, string_val=[_as_bytes(v) for v in values.flat])
    values = values.astype(values.dtype.newbyteorder("<"), copy=False)
    dtype = DTYPE_OF.get(values.dtype)
    if dtype is None:
        raise TensorError(f"no tensor dtype for NumPy's {values.dtype}")
    # Protobuf's own bytes field is the one copy: it cannot borrow memory.
    return pb.TensorProto(dtype=dtype, tensor_shape=shape, tensor_content=values.tobytes())


def to_array(tensor: pb.TensorProto) -> Array:
    """Read a message as an array.

    Args:
        tensor: any dtype of NUMPY_OF, in either of the two encodings.
    Returns: array of the message's shape; for `tensor_content` a read-only view of the message's own bytes;
        for DT_STRING an object array of bytes.
    Raises: TensorError if dtype, shape and values do not agree.
    """
    dtype = NUMPY_OF.get(tensor.dtype)
    if dtype is None:
        raise TensorError(f"tensor dtype {dtype_name(tensor.dtype)} is not supported")
    shape = _shape(tensor)
    if tensor.dtype == pb.DT_STRING:
        return _strings(tensor, shape)
    if tensor.tensor_content:
        if len(tensor.tensor_content) != prod(shape) * dtype.itemsize:
            raise TensorError(
                f"tensor_content has {len(tensor.tensor_content)} bytes, "
                f"but shape {list(shape)} of {dtype_name(tensor.dtype)} needs {prod(shape) * dtype.itemsize}"
            )
        return np.frombuffer(tensor.tensor_content, dtype).reshape(shape)
    return _typed_values(tensor, dtype, shape)


def _first(array: object) -> object:
    while isinstance(array, list | tuple) and array:
        array = array[0]
    return array


def _as_bytes(value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode()
    raise TensorError(f"an element is {type(value).__name__}; a string tensor holds bytes or str")


def _shape(tensor: pb.TensorProto) -> tuple[int, ...]:
    shape = tuple(dim.size for dim in tensor.tensor_shape.dim)
    if tensor.tensor_shape.unknown_rank or any(n < 0 for n in shape):
        raise TensorError(f"tensor shape {list(shape)} is not fully defined")
    if len(shape) > _MAX_RANK:
        raise TensorError(f"a tensor of {len(shape)} dimensions is not supported")
    if prod(shape) > MAX_ELEMENTS:
        raise TensorError(f"tensor shape {list(shape)} has more than {MAX_ELEMENTS} elements")
    return shape


def _strings(tensor: pb.TensorProto, shape: tuple[int, ...]) -> Array:
    values = _repeat_last(list(tensor.string_val), prod(shape), b"")
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array.reshape(shape)


def _typed_values(tensor: pb.TensorProto, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
    numbers = _numbers(tensor, dtype)
    count = prod(shape)
    if len(numbers) > count:
        raise TensorError(f"{len(numbers)} values for the {count} elements of shape {list(shape)}")
    if len(numbers) < count:
        last = numbers[-1] if len(numbers) else np.zeros((), dtype)[()]
        numbers = np.concatenate([numbers, np.full(count - len(numbers), last, dtype)])
    return numbers.reshape(shape)


def _numbers(tensor: pb.TensorProto, dtype: np.dtype[Any]) -> Array:
    field = getattr(tensor, _FIELD_OF[tensor.dtype])
    if tensor.dtype == pb.DT_HALF:
        return np.array(field, dtype="<i4").astype("<u2").view(dtype)
    if dtype.kind == "c":  # pairs of real and imaginary part
        if len(field) % 2:
            raise TensorError(f"an odd number of values for {dtype_name(tensor.dtype)}")
        return np.array(field, dtype=f"<f{dtype.itemsize // 2}").view(dtype)
    if dtype.kind not in "iu":
        return np.array(field, dtype=dtype)
    wide = np.array(field, dtype="<u8" if tensor.dtype == pb.DT_UINT64 else "<i8")
    numbers = wide.astype(dtype)
    if (numbers != wide).any():  # uint8 and its like travel as int32
        raise TensorError(f"a value does not fit {dtype_name(tensor.dtype)}")
    return numbers


def _repeat_last(values: list[bytes], count: int, default: bytes) -> list[bytes]:
    if len(values) > count:
        raise TensorError(f"{len(values)} strings for {count} elements")
    last = values[-1] if values else default
    return values + [last] * (count - len(values))
