"""Write answers the way TensorFlow Serving does by default: numbers in typed lists, not as raw bytes.

Clients in the wild read `response.outputs["probabilities"].float_val` without asking which encoding came; with
`tensor_content` they would find an empty list.
"""

import numpy as np

from serving_api import serving_pb2 as pb
from serving_api.tensors import Array, to_tensor_proto

# TensorProto's field for each dtype, and the dtype of that field's numbers. Source: tensor.proto.
_FIELDS = {
    "float32": ("float_val", "float32"),
    "float64": ("double_val", "float64"),
    "int64": ("int64_val", "int64"),
    "int32": ("int_val", "int32"),
    "int16": ("int_val", "int16"),
    "int8": ("int_val", "int8"),
    "uint8": ("int_val", "uint8"),
    "uint16": ("int_val", "uint16"),
    "uint32": ("uint32_val", "uint32"),
    "uint64": ("uint64_val", "uint64"),
    "bool": ("bool_val", "bool"),
    "float16": ("half_val", "uint16"),  # its bits
    "complex64": ("scomplex_val", "float32"),  # real, imaginary, real, ...
    "complex128": ("dcomplex_val", "float64"),
}


def to_typed_lists(array: Array) -> pb.TensorProto:
    """Write an array as a message with a typed list.

    Args:
        array: numbers, booleans, or an object array of bytes; any shape.
    Raises: TensorError where TensorFlow has no such dtype.
    """
    if array.dtype.name not in _FIELDS:
        return to_tensor_proto(array)  # strings are a list in either encoding
    field, dtype = _FIELDS[array.dtype.name]
    tensor = to_tensor_proto(np.empty((0,), array.dtype))
    tensor.tensor_shape.CopyFrom(pb.TensorShapeProto(dim=[pb.TensorShapeProto.Dim(size=size) for size in array.shape]))
    tensor.ClearField("tensor_content")
    getattr(tensor, field).extend(np.ascontiguousarray(array).reshape(-1).view(dtype).tolist())
    return tensor
