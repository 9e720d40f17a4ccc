"""What atheris throws bytes at: parsers of what others send, and the errors that they may raise."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from google.protobuf.message import DecodeError

from gateway import formats
from gateway.colours import to_srgb
from gateway.exchange import BrokenExchangeError, Exchange
from gateway.json_body import read_json
from gateway.pictures import PictureError, to_tensor
from gateway.problems import Problem
from gateway.urls import PORTS, BadUrl, parse_url
from model_server.errors import StatusError
from model_server.rest_json import read_predict, write_predict
from serving_api import serving_pb2 as pb
from serving_api.deadline import Deadline
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


class _Host:
    """The socket of a host that has said everything already, a few bytes at a time."""

    def __init__(self, data: bytes) -> None:
        self._pieces = [data[start : start + 7] for start in range(0, len(data), 7)]

    def settimeout(self, _timeout_s: float) -> None:
        """Have nothing to wait for."""

    def sendall(self, _data: bytes) -> None:
        """Listen to nobody."""

    def recv(self, _count: int) -> bytes:
        """Say the next few bytes, and none when all are said."""
        return self._pieces.pop(0) if self._pieces else b""


def _answer(data: bytes) -> None:
    exchange = Exchange(_Host(data), Deadline.after(60))
    assert sum(map(len, exchange.body(exchange.ask("/", {})))) <= len(data)


def _answers() -> Sequence[bytes]:
    ok = b"HTTP/1.1 200 OK\r\n"
    return [
        ok + b"Content-Length: 5\r\nContent-Type: image/png\r\n\r\nabcde",
        ok + b"Transfer-Encoding: chunked\r\n\r\n2;x=y\r\nab\r\n3\r\ncde\r\n0\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok + b"\r\nabcde",
        b"HTTP/1.0 302 Found\r\nLocation: https://example.org/\r\n\r\n",
    ]


def _url(data: bytes) -> None:
    first, _, second = data.decode("utf-8", "surrogatepass").partition("\n")
    url = parse_url(first)
    again = parse_url(f"http{'s' * url.is_tls}://{url.authority}{url.target}")
    assert url == again
    assert url.join(second).port in PORTS


def _urls() -> Sequence[bytes]:
    texts = [
        "http://a.example/b?c#d\n../e",
        "https://[2606::1]:443/\n//b.example",
        "HTTP://8.8.8.8:80\nhttps://c.example/",
    ]
    return [text.encode() for text in texts]


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
    "picture hosts' answers": Target(_answer, (BrokenExchangeError,), _answers),
    "URLs": Target(_url, (BadUrl, UnicodeDecodeError), _urls),
}
