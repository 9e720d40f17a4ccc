"""Turn JSON bodies into tensors and tensors into JSON, as TensorFlow Serving's REST API documents it.

Row format is `instances` in, `predictions` out; column format is `inputs` in, `outputs` out. `NaN`, `Infinity` and
`-Infinity` are accepted and written.
Source: https://www.tensorflow.org/tfx/serving/api_rest, tensorflow_serving/util/json_tensor.cc.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
from grpc import StatusCode

from model_server.errors import StatusError
from model_server.json_tensors import is_named, show, to_list, to_tensor
from serving_api import serving_pb2 as pb
from serving_api.tensors import to_array


@dataclass(frozen=True)
class PredictCall:
    """What a predict body asks for.

    Attributes:
        signature: its `signature_name`, empty for the default one.
        row_format: whether the answer is `predictions` (True) or `outputs`.
        inputs: alias -> tensor.
    """

    signature: str
    row_format: bool
    inputs: dict[str, pb.TensorProto]


def read_predict(body: bytes, inputs_of: Callable[[str], Mapping[str, pb.TensorInfo]]) -> PredictCall:
    """Read the body of a predict call.

    Args:
        body: JSON text.
        inputs_of: gives the inputs of a signature by its name (empty: the default one).
    Raises: StatusError INVALID_ARGUMENT for anything that does not fit, UNIMPLEMENTED for an input dtype that JSON
        has no form for; and whatever `inputs_of` raises.
    """
    document = _parse(body)
    signature = _signature_name(document)
    infos = inputs_of(signature)
    if not infos:
        raise _invalid(f"Failed to get input map for signature: {signature or 'DEFAULT'}")
    if "instances" in document and "inputs" in document:
        raise _invalid("Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist")
    if "instances" in document:
        return PredictCall(signature, row_format=True, inputs=_read_rows(document["instances"], infos))
    if "inputs" in document:
        return PredictCall(signature, row_format=False, inputs=_read_columns(document["inputs"], infos))
    raise _invalid("Missing 'inputs' or 'instances' key")


def write_predict(outputs: Mapping[str, pb.TensorProto], *, row_format: bool) -> str:
    """Write the answer of a predict call; a single output goes without its name.

    Raises: StatusError INVALID_ARGUMENT where the outputs do not fit the format, such as rows of a scalar.
    """
    arrays = {name: to_array(tensor) for name, tensor in outputs.items()}
    if row_format:
        _check_rows(arrays)
    lists = {name: to_list(name, array) for name, array in arrays.items()}
    if len(lists) == 1:
        answer: Any = next(iter(lists.values()))
    elif row_format:
        answer = [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]
    else:
        answer = lists
    return json.dumps({"predictions" if row_format else "outputs": answer})


def read_signature_name(body: bytes) -> str:
    """Read only `signature_name` of a body, empty where it has none.

    Raises: StatusError INVALID_ARGUMENT for a body that is no JSON object.
    """
    return _signature_name(_parse(body))


def _signature_name(document: Mapping[str, Any]) -> str:
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise _invalid("'signature_name' key must be a string value.")
    return name


def _parse(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except RecursionError as error:
        raise _invalid("JSON Parse error: nested too deeply") from error
    except ValueError as error:  # JSONDecodeError, UnicodeDecodeError, and integers of thousands of digits
        raise _invalid(f"JSON Parse error: {error}") from error
    if not isinstance(document, dict):
        raise _invalid(f"JSON Value: {show(document)} Is not object")
    return document


def _read_rows(instances: Any, infos: Mapping[str, pb.TensorInfo]) -> dict[str, pb.TensorProto]:
    if not isinstance(instances, list):
        raise _invalid("Expecting 'instances' to be an list/array")
    if not instances:
        raise _invalid("No values in 'instances' array")
    named = [is_named(instance) for instance in instances]
    if not any(named):
        if len(infos) > 1:
            raise _invalid(
                f"instances is a plain list, but expecting list of objects with the keys: {', '.join(sorted(infos))}"
            )
        return {name: to_tensor(instances, info, name) for name, info in infos.items()}
    if not all(named):
        raise _invalid(f"Expecting object but got value/list at item {named.index(False)} of input list")
    for index, instance in enumerate(instances):
        if set(instance) != set(infos):
            raise _invalid(
                f"Failed to process element: {index} of 'instances' list. JSON object with the keys: "
                f"{show(sorted(instance))} must only have keys: {','.join(sorted(infos))}"
            )
    return {name: to_tensor([row[name] for row in instances], info, name) for name, info in infos.items()}


def _read_columns(inputs: Any, infos: Mapping[str, pb.TensorInfo]) -> dict[str, pb.TensorProto]:
    if not is_named(inputs):
        if len(infos) > 1:
            raise _invalid(
                f"inputs is a plain value/list, but expecting an object with keys: {', '.join(sorted(infos))}"
            )
        return {name: to_tensor(inputs, info, name) for name, info in infos.items()}
    for name in infos:
        if name not in inputs:
            raise _invalid(f"Missing named input: {name} in 'inputs' object.")
    return {name: to_tensor(inputs[name], info, name) for name, info in infos.items()}


def _check_rows(arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    sizes: dict[str, int] = {}
    for name, array in arrays.items():
        if not array.ndim:
            raise _invalid(f"Tensor name: {name} has no shape information")
        sizes[name] = len(array)
    if min(sizes.values()) < 1 or len(set(sizes.values())) > 1:
        raise _invalid(f"Tensors have no common batch size: {sizes}; use the column format")


def _invalid(message: str) -> StatusError:
    return StatusError(StatusCode.INVALID_ARGUMENT, message)
