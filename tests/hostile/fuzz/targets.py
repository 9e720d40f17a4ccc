"""What atheris throws bytes at: parsers of what others send, and the errors that they may raise."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from google.protobuf.message import DecodeError

from gateway import formats
from gateway.colours import to_srgb
from gateway.json_body import read_json
from gateway.pictures import PictureError, to_tensor
from gateway.problems import Problem
from model_server.errors import StatusError
from model_server.rest_json import read_predict, write_predict
from serving_api import serving_pb2 as pb
from serving_api.tensors import TensorError, shape_proto, to_array, to_tensor_proto
from tests.hostile.pictures import mutations, odd

_SMALL = 2_000_000  # pixels: the fuzzer looks for mistakes, not for time
_INPUTS = {
    "image": pb.TensorInfo(dtype=pb.DT_UINT8, tensor_shape=shape_proto((None, 2, 2, 3))),
    "words": pb.TensorInfo(dtype=pb.DT_STRING, tensor_shape=shape_proto((None,))),
    "numbers": pb.TensorInfo(dtype=pb.DT_FLOAT, tensor_shape=shape_proto((None, None))),
    "whole": pb.TensorInfo(dtype=pb.DT_INT64, tensor_shape=shape_proto((None,))),
}


@dataclass(frozen=True)
class Target:
    """What is called with the fuzzer's bytes, what it may raise, and what to begin with."""

    run: Callable[[bytes], object]
    may_raise: tuple[type[Exception], ...]
    seeds: Callable[[], Sequence[bytes]]


def _decode(data: bytes) -> None:
    assert (16, 16, 3) == to_tensor(data, 16, 16, max_pixels=_SMALL).shape


def _tensors(data: bytes) -> None:
    request = pb.PredictRequest.FromString(data)
    for tensor in request.inputs.values():
        if np.prod([float(dim.size) for dim in tensor.tensor_shape.dim]) <= _SMALL:
            array = to_array(tensor)
            assert array.shape == tuple(dim.size for dim in tensor.tensor_shape.dim)


def _rest(data: bytes) -> None:
    chosen = dict(list(_INPUTS.items())[data[0] % 4 :]) if data else {}
    call = read_predict(data[1:], lambda _: chosen)
    write_predict(call.inputs, row_format=call.row_format)


def _requests() -> Sequence[bytes]:
    made = []
    for array in (np.zeros((2, 2, 2, 3), np.uint8), [["a", b"\xff"]], np.float32([[0.5, np.nan]]), np.complex64([1j])):
        request = pb.PredictRequest(inputs={"x": to_tensor_proto(array)})
        request.model_spec.name = "pizza"
        made.append(request.SerializeToString())
    typed = pb.TensorProto(dtype=pb.DT_FLOAT, tensor_shape=shape_proto((4,)), float_val=[1.5])
    return [*made, pb.PredictRequest(inputs={"x": typed}).SerializeToString()]


def _bodies() -> Sequence[bytes]:
    documents = [
        {"instances": [{"b64": "AAAA"}, {"url": "https://example.org/a.jpg"}]},
        {"instances": [[[1, 2], [3, 4]]], "signature_name": "serving_default"},
        {"inputs": {"words": ["a", {"b64": "AA=="}], "numbers": [[1.5, -2e300]], "whole": [1]}},
        {"inputs": [[1, 2, 3]]},
    ]
    texts = [json.dumps(one).encode() for one in documents]
    return [bytes([number]) + text for number in range(4) for text in [*texts, b'{"inputs":[NaN,Infinity,"\\ud800"]}']]


def _colours(data: bytes) -> None:
    pixels = np.arange(768, dtype=np.uint8).reshape(16, 16, 3)
    for grey in (False, True):
        converted = to_srgb(pixels, data, grey=grey)
        assert ((16, 16, 3), np.uint8) == (converted.shape, converted.dtype)


TARGETS = {
    "decode": Target(_decode, (PictureError,), mutations.seeds),
    "formats": Target(formats.read, (formats.Broken,), mutations.seeds),
    "colours": Target(_colours, (), lambda: [*odd.colour_spaces().values(), *odd.profiles().values()]),
    "tensors": Target(_tensors, (TensorError, DecodeError), _requests),
    "model server's JSON": Target(_rest, (StatusError,), _bodies),
    "gateway's JSON": Target(read_json, (Problem,), lambda: [body[1:] for body in _bodies()]),
}
