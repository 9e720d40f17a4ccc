"""Turn a JSON value into a tensor and a tensor into a JSON value.

A nested list is taken apart level by level, each level in one pass of C code: a 224 x 224 x 3 picture takes
hundredths of a second.
Source: https://www.tensorflow.org/tfx/serving/api_rest ("JSON mapping"), tensorflow_serving/util/json_tensor.cc.
"""

import base64
import binascii
import json
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
from grpc import StatusCode

from model_server.errors import StatusError
from serving_api import serving_pb2 as pb
from serving_api.tensors import NUMPY_OF, dtype_name, to_tensor_proto

_BYTES_SUFFIX = "_bytes"  # a string output of such a name is binary, and is written as {"b64": ...}
_INTEGERS = {pb.DT_INT8, pb.DT_UINT8, pb.DT_INT16, pb.DT_INT32, pb.DT_UINT32, pb.DT_INT64, pb.DT_UINT64}
_FLOATS = {pb.DT_FLOAT, pb.DT_DOUBLE}
_JSON_TYPE_NAMES = {dict: "Object", list: "Array", str: "String", int: "Number", float: "Number", type(None): "Null"}
_MAX_RANK = 32
_MAX_SHOWN = 80  # characters of the client's own value in an error


def is_named(value: Any) -> bool:
    """Tell an object of named tensors from a value; `{"b64": "..."}` is a value."""
    return isinstance(value, dict) and not (set(value) == {"b64"} and isinstance(value["b64"], str))


def to_tensor(value: Any, info: pb.TensorInfo, name: str) -> pb.TensorProto:
    """Convert a number, string, truth value, b64 object, or nested list of them.

    Args:
        value: as `json.loads` gives it.
        info: whose dtype is wanted; the shape is the value's own.
        name: the input's alias, for errors.
    Raises: StatusError INVALID_ARGUMENT for a ragged list or a value of another type or size than the dtype's,
        UNIMPLEMENTED for a dtype that JSON has no form for.
    """
    shape, leaves = _flatten(value, name)
    try:
        return to_tensor_proto(_to_array(leaves, info.dtype, name).reshape(shape))
    except OverflowError as error:
        raise _invalid(f"input {name}: {error}") from error


def _flatten(value: Any, name: str) -> tuple[list[int], list[Any]]:
    """Take nested lists apart: the shape, and the leaves in row-major order."""
    shape: list[int] = []
    level = [value]
    while level and isinstance(level[0], list):
        if set(map(type, level)) != {list}:
            raise _invalid(f"input {name}: list and value side by side at level: {len(shape)}")
        sizes = set(map(len, level))
        if len(sizes) > 1:
            raise _invalid(f"input {name}: lists of different sizes at level: {len(shape)}: {sorted(sizes)[:10]}")
        if len(shape) == _MAX_RANK:
            raise _invalid(f"input {name}: more than {_MAX_RANK} levels of lists")
        shape.append(sizes.pop())
        level = list(chain.from_iterable(level))
    if list in set(map(type, level)):
        raise _invalid(f"input {name}: list and value side by side at level: {len(shape)}")
    return shape, level


def _to_array(leaves: list[Any], dtype: int, name: str) -> npt.NDArray[Any]:
    if dtype == pb.DT_STRING:
        _check_types(leaves, {str, dict}, dtype, name)
        strings = np.empty(len(leaves), dtype=object)
        strings[:] = [_to_bytes(leaf, name) for leaf in leaves]
        return strings
    if dtype == pb.DT_BOOL:
        _check_types(leaves, {bool}, dtype, name)
    elif dtype in _INTEGERS:
        _check_types(leaves, {int}, dtype, name)
    elif dtype in _FLOATS:
        _check_types(leaves, {int, float}, dtype, name)
        return _to_floats(leaves, NUMPY_OF[dtype], name)
    else:
        raise StatusError(StatusCode.UNIMPLEMENTED, f"input {name}: JSON has no form for {dtype_name(dtype)}; use gRPC")
    return np.array(leaves, dtype=NUMPY_OF[dtype])


def _to_floats(leaves: list[Any], dtype: np.dtype[Any], name: str) -> npt.NDArray[Any]:
    """Convert to float32 or float64, refusing, as the original does, what would lose its meaning."""
    wide = np.array(leaves, dtype=np.float64)
    limits = np.finfo(dtype)
    exact_up_to = 2 ** (limits.nmant + 1)
    too_large = np.isfinite(wide) & (np.abs(wide) > limits.max)
    whole_and_large = np.abs(wide) >= exact_up_to
    for index in np.flatnonzero(too_large | whole_and_large):
        if too_large[index] or isinstance(leaves[index], int):
            raise _invalid(
                f"input {name}: Cannot convert JSON value: {show(leaves[index])} to {dtype} without loss of precision."
            )
    return wide.astype(dtype)


def _check_types(leaves: list[Any], allowed: set[type], dtype: int, name: str) -> None:
    if set(map(type, leaves)) <= allowed:
        return
    wrong = next(leaf for leaf in leaves if type(leaf) not in allowed)
    kind = str(wrong) if isinstance(wrong, bool) else _JSON_TYPE_NAMES[type(wrong)]
    expected = dtype_name(dtype).removeprefix("DT_").lower()
    raise _invalid(f"input {name}: JSON Value: {show(wrong)} Type: {kind} is not of expected type: {expected}")


def _to_bytes(leaf: Any, name: str) -> bytes:
    try:
        if isinstance(leaf, str):
            return leaf.encode()
        if is_named(leaf):
            raise _invalid(f"input {name}: JSON Value: {show(leaf)} not formatted correctly for base64 data")
        text = "".join(leaf["b64"].split()).rstrip("=")  # padding is optional, and white space ignored
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, UnicodeEncodeError, ValueError) as error:
        raise _invalid(f"input {name}: Unable to base64 decode or not a valid string: {error}") from error


def to_list(name: str, array: npt.NDArray[Any]) -> Any:
    """Convert an output: nested lists, or a scalar for a scalar.

    Args:
        name: the output's alias; strings of one that ends in `_bytes` become b64 objects.
        array: numbers, truth values, or an object array of bytes.
    Raises: StatusError INVALID_ARGUMENT for a dtype that JSON has no form for.
    """
    if array.dtype == object:
        return _map_strings(array.tolist(), binary=name.endswith(_BYTES_SUFFIX))
    if array.dtype == np.float32:
        # By way of the shortest decimals: 0.2 as float32 is written 0.2, not 0.20000000298023224.
        return array.astype("U").astype(np.float64).tolist()
    if array.dtype.kind not in "biuf" or array.dtype == np.float16:
        raise _invalid(f"Failed to write JSON value for tensor type: {array.dtype}")
    return array.tolist()


def _map_strings(value: Any, *, binary: bool) -> Any:
    if isinstance(value, list):
        return [_map_strings(item, binary=binary) for item in value]
    return {"b64": base64.b64encode(value).decode()} if binary else value.decode(errors="replace")


def show(value: Any) -> str:
    """Write a value of the client's for an error, cut short."""
    text = json.dumps(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."


def _invalid(message: str) -> StatusError:
    return StatusError(StatusCode.INVALID_ARGUMENT, message)
