"""Find out a model's input size, labels and card by asking the model server (contract 1), never by configuration."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from gateway.foreign import ForeignModel
from gateway.model import Model
from gateway.predictor import Predictor
from serving_api import errors
from serving_api import serving_pb2 as pb
from serving_api.deadline import Deadline
from serving_api.tensors import NUMPY_OF

_IMAGE_RANK = 4
_CHANNELS = 3


def discover(
    predictor: Predictor,
    name: str,
    deadline: Deadline,
    *,
    version: int | None = None,
    label: str | None = None,
    known: Model | None = None,
    foreign: ForeignModel | None = None,
) -> Model:
    """Ask the model server what a model is.

    Args:
        predictor: the model server.
        name: of the model; its newest version is meant unless `version` or `label` names one.
        deadline: for all questions together.
        version: by its number.
        label: by its label.
        known: what was found before; it is given again where the version is still the same.
        foreign: its settings entry, where it has no `describe` signature.
    Raises: ServingError; ContractMismatch where what the model says of itself does not fit together.
    """
    metadata = predictor.signatures(name, deadline, version=version, label=label)
    if known is not None and known.version == metadata.version:
        return known
    signature_name = foreign.signature if foreign else "serving_default"
    signature = metadata.signatures.get(signature_name)
    if signature is None:
        raise errors.ContractMismatch(f"model {name}: no signature {signature_name}")
    if foreign:
        labels, card = foreign.labels, {"name": name, "task": foreign.task, "labels": list(foreign.labels)}
    else:
        labels, card = _describe(predictor, name, metadata.version, deadline)
    input_name = _alias(name, signature.inputs, foreign.input if foreign else "image")
    output_name = _alias(name, signature.outputs, foreign.output if foreign else "probabilities")
    height, width = _size(name, signature.inputs[input_name], foreign, card)
    return Model(
        name=name,
        version=metadata.version,
        labels=labels,
        height=height,
        width=width,
        card=card,
        signature=signature_name,
        input=input_name,
        output=output_name,
        dtype=NUMPY_OF.get(signature.inputs[input_name].dtype, np.dtype(np.float32)),
        foreign=foreign,
    )


def _describe(
    predictor: Predictor, name: str, version: int, deadline: Deadline
) -> tuple[tuple[str, ...], dict[str, Any]]:
    answer = predictor.predict(
        name,
        {"key": np.array([b"labels", b"card"], dtype=object)},
        deadline,
        version=version,
        signature="describe",
    )
    try:
        labels, card = (_read(value) for value in answer.outputs["value"])
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise errors.ContractMismatch(f"model {name}: describe does not answer with two JSON texts") from error
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels) or len(set(labels)) < 2:  # noqa: PLR2004
        raise errors.ContractMismatch(f"model {name}: describe's labels are not a list of names")
    if len(set(labels)) < len(labels):
        raise errors.ContractMismatch(f"model {name}: a label is there twice, and an answer has it once")
    if not isinstance(card, dict):
        raise errors.ContractMismatch(f"model {name}: describe's card is no JSON object")
    return tuple(labels), card


def _read(text: bytes) -> Any:
    """Read a JSON text that can be passed on as one: no NaN, nothing that is no Unicode."""
    value = json.loads(text)
    json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    return value


def _alias(name: str, tensors: Mapping[str, pb.TensorInfo], wanted: str) -> str:
    """Find the tensor of that alias; without one, the only tensor there is."""
    if wanted in tensors:
        return wanted
    if not wanted and len(tensors) == 1:
        return next(iter(tensors))
    raise errors.ContractMismatch(f"model {name}: no tensor {wanted!r} among {', '.join(sorted(tensors))}")


def _size(name: str, image: pb.TensorInfo, foreign: ForeignModel | None, card: Mapping[str, Any]) -> tuple[int, int]:
    """Give height and width: the signature's, else those of the settings entry or the card."""
    shape = [dim.size for dim in image.tensor_shape.dim]
    if len(shape) != _IMAGE_RANK or shape[3] not in (-1, _CHANNELS):
        raise errors.ContractMismatch(f"model {name}: input of shape {shape} is no [N, height, width, 3]")
    stated = card.get("input")
    stated = stated if isinstance(stated, dict) else {}
    instead = (foreign.height, foreign.width) if foreign else (stated.get("height", 0), stated.get("width", 0))
    height, width = (own if own > 0 else other for own, other in zip(shape[1:3], instead, strict=True))
    if not (isinstance(height, int) and isinstance(width, int) and 0 < height <= 4096 and 0 < width <= 4096):  # noqa: PLR2004
        raise errors.ContractMismatch(f"model {name}: neither its signature nor its card tells a sensible input size")
    return height, width
