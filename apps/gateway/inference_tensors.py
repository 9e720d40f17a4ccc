"""The bodies of an infer call of the Open Inference Protocol: JSON, and the binary extension's tensors behind it.

Source: https://github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md and
https://github.com/triton-inference-server/server, docs/protocol/extension_binary_data.md.
"""

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from gateway.inputs import Pixels
from gateway.json_body import read_json
from gateway.messages import InferAnswer, InferOutput
from gateway.problems import BAD_REQUEST, TOO_LARGE, Problem

INPUT, PROBABILITIES, LABEL = "image", "probabilities", "label"
_CHANNELS = 3
_RANK = 4
_SHOWN = 60


@dataclass(frozen=True)
class InferCall:
    """What a body asks for: `outputs` maps the names of wanted tensors to whether they come behind the JSON."""

    id: str | None
    images: Sequence[Pixels]
    outputs: Mapping[str, bool]


def read_infer(body: bytes, json_bytes: int | None, size: tuple[int, int], max_instances: int) -> InferCall:
    """Read the body of an infer call.

    Args:
        body: JSON, and behind it the image tensor's bytes where the JSON says so.
        json_bytes: how much of it is JSON; None where all of it is.
        size: height and width that the model takes.
        max_instances: the most images.
    Raises: Problem: 400, or 413 for too many images.
    """
    if json_bytes is not None and json_bytes > len(body):
        raise _bad("Inference-Header-Content-Length is more than the body has.")
    text, tail = (body, None) if json_bytes is None else (body[:json_bytes], body[json_bytes:])
    pixels = max_instances * size[0] * size[1]
    document = read_json(text, max_values=2 * _CHANNELS * pixels + 1000)
    identity = _member(document, "id", str, None)
    inputs = _member(document, "inputs", list, [])
    if len(inputs) != 1:
        raise _bad("The JSON must hold 'inputs', a list of one tensor.")
    shape = _shape(inputs[0], size, max_instances)
    parameters = _member(inputs[0], "parameters", dict, {})
    if "binary_data_size" in parameters:
        images = _from_bytes(parameters["binary_data_size"], tail, shape, has_data="data" in inputs[0])
    else:
        images = _from_list(_member(inputs[0], "data", list, []), tail, shape)
    return InferCall(identity, list(images), _wishes(document))


def write_infer(
    call: InferCall, model: tuple[str, int], labels: Sequence[str], probabilities: npt.NDArray[np.float32]
) -> tuple[bytes, int | None]:
    """Write the answer of an infer call.

    Args:
        call: what was asked.
        model: name and version.
        labels: K names.
        probabilities: float32[N, K].
    Returns: the body, and how much of it is JSON where that is not all.
    """
    outputs: list[InferOutput] = []
    tail = b""
    best = [labels[column] for column in probabilities.argmax(axis=1)]
    values: list[object]
    for name, is_binary in call.outputs.items():
        if name == PROBABILITIES:
            output = InferOutput(name="probabilities", datatype="FP32", shape=list(probabilities.shape))
            values, packed = [*probabilities.ravel().tolist()], probabilities.astype("<f4").tobytes()
        else:
            output = InferOutput(name="label", datatype="BYTES", shape=[len(best)])
            values, packed = [*best], b"".join(struct.pack("<I", len(text)) + text for text in map(str.encode, best))
        if is_binary:
            output["parameters"] = {"binary_data_size": len(packed)}
            tail += packed
        else:
            output["data"] = values
        outputs.append(output)
    answer = InferAnswer(model_name=model[0], model_version=str(model[1]), outputs=outputs)
    if call.id is not None:
        answer["id"] = call.id
    head = json.dumps(answer, ensure_ascii=False).encode()
    return head + tail, len(head) if any(call.outputs.values()) else None


def _shape(tensor: Any, size: tuple[int, int], max_instances: int) -> tuple[int, ...]:
    name, datatype = _member(tensor, "name", str, ""), _member(tensor, "datatype", str, "")
    if (name, datatype) != (INPUT, "UINT8"):
        raise _bad(f"The tensor is {name[:_SHOWN]!r} of {datatype[:_SHOWN]!r}, not '{INPUT}' of 'UINT8'.")
    shape = _member(tensor, "shape", list, [])
    if len(shape) != _RANK or set(map(type, shape)) != {int} or shape[0] < 1 or shape[1:] != [*size, _CHANNELS]:
        raise _bad(f"The tensor's shape is {str(shape)[:_SHOWN]}, not [N, {size[0]}, {size[1]}, {_CHANNELS}].")
    if shape[0] > max_instances:
        raise Problem(TOO_LARGE, f"The tensor holds {shape[0]} images; at most {max_instances} are accepted.")
    return tuple(shape)


def _from_bytes(size: Any, tail: bytes | None, shape: tuple[int, ...], *, has_data: bool) -> Pixels:
    if has_data or tail is None or type(size) is not int or size != len(tail) or size != prod(shape):
        raise _bad(
            f"binary_data_size must be {prod(shape)}, with as many bytes behind the JSON, the JSON's own length in "
            "Inference-Header-Content-Length, and no 'data'."
        )
    return np.frombuffer(tail, np.uint8).reshape(shape)


def _from_list(values: list[Any], tail: bytes | None, shape: tuple[int, ...]) -> Pixels:
    """Read a list, flat or nested; each level is taken apart in C code."""
    if tail:
        raise _bad("There are bytes behind the JSON that it says nothing of.")
    if values and type(values[0]) is list:
        for inner in shape[1:]:
            if set(map(type, values)) != {list} or set(map(len, values)) != {inner}:
                raise _bad("The tensor's data is not nested as its shape says.")
            values = list(chain.from_iterable(values))
    if len(values) != prod(shape):
        raise _bad(f"The tensor's data has {len(values)} values, but its shape has {prod(shape)}.")
    if set(map(type, values)) != {int} or min(values) < 0 or max(values) > 255:  # noqa: PLR2004
        raise _bad("The tensor's data must be whole numbers from 0 to 255.")
    return np.frombuffer(bytes(values), np.uint8).reshape(shape)


def _wishes(document: Any) -> Mapping[str, bool]:
    parameters = _member(document, "parameters", dict, {})
    usual = _member(parameters, "binary_data_output", bool, default=False)
    wishes: dict[str, bool] = {}
    for wish in _member(document, "outputs", list, []):
        name = _member(wish, "name", str, "")
        if name not in (PROBABILITIES, LABEL) or name in wishes:
            raise _bad(f"The outputs are '{PROBABILITIES}' and '{LABEL}', each once; not {name[:_SHOWN]!r}.")
        own = _member(wish, "parameters", dict, {})
        if unknown := own.keys() - {"binary_data"}:
            raise _bad(f"An output has no parameter {min(unknown)[:_SHOWN]!r} here.")
        wishes[name] = _member(own, "binary_data", bool, default=usual)
    return wishes or {PROBABILITIES: usual, LABEL: usual}


def _member(holder: Any, name: str, kind: type, default: Any) -> Any:
    """Take a member of an object; `default` where it is missing. Raises: Problem for another type."""
    if not isinstance(holder, dict):
        raise _bad(f"There must be an object where '{name}' would be.")
    value = holder.get(name, default)
    if value is not default and type(value) is not kind:
        raise _bad(f"'{name}' must be of another type.")
    return value


def _bad(detail: str) -> Problem:
    return Problem(BAD_REQUEST, detail)
