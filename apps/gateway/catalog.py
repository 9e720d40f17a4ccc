"""Know each model's input size, labels and card by asking the model server (contract 1), never by configuration."""

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gateway.foreign import ForeignModel
from gateway.predictor import Predictor
from gateway.problems import UNKNOWN_MODEL, Problem
from gateway.scaling import scale, to_probabilities
from serving_api import errors
from serving_api import serving_pb2 as pb
from serving_api.client import Answer
from serving_api.deadline import Deadline
from serving_api.tensors import NUMPY_OF

_IMAGE_RANK = 4
_CHANNELS = 3
_TOLERANCE = 0.01  # of probabilities and their sums: what float16 weights and half-precision accelerators may lose
Key = tuple[str, int | None, str | None]


@dataclass(frozen=True)
class Model:
    """One version of a model, and all that is needed to ask it."""

    name: str
    version: int
    labels: tuple[str, ...]
    height: int
    width: int
    card: Mapping[str, Any]
    signature: str
    input: str
    output: str
    dtype: np.dtype[Any]
    foreign: ForeignModel | None

    def classify(
        self, predictor: Predictor, images: npt.NDArray[np.uint8], deadline: Deadline
    ) -> npt.NDArray[np.float32]:
        """Ask the model server for this very version, so that the labels are the answer's.

        Args:
            predictor: the model server.
            images: uint8[N, height, width, 3], RGB.
            deadline: for the whole call, retries included.
        Returns: float32[N, len(labels)], probabilities.
        Raises: ServingError; ContractMismatch for an answer that holds no probabilities.
        """
        image = images if self.foreign is None else scale(self.foreign, images, self.dtype)
        answer = predictor.predict(
            self.name,
            {self.input: image},
            deadline,
            version=self.version,
            signature=self.signature,
            outputs=(self.output,),
        )
        return self._probabilities(answer, len(images))

    def _probabilities(self, answer: Answer, rows: int) -> npt.NDArray[np.float32]:
        """Read an answer, and believe nothing of it."""
        if answer.version != self.version:
            raise self._mismatch(f"version {answer.version} answered for version {self.version}")
        if self.output not in answer.outputs:
            raise self._mismatch(f"the answer lacks {self.output}")
        values = answer.outputs[self.output]
        if values.dtype.kind not in "fiu" or values.ndim == 0 or len(values) != rows:
            raise self._mismatch(f"{self.output} is {values.dtype}{list(values.shape)} for {rows} pictures")
        probabilities = values if self.foreign is None else to_probabilities(self.foreign, values)
        if probabilities.shape != (rows, len(self.labels)):
            raise self._mismatch(
                f"{self.output} has shape {list(probabilities.shape)}, not {[rows, len(self.labels)]}"
            )
        # Written so that NaN, which no comparison holds for, is refused too.
        if not ((probabilities >= -_TOLERANCE) & (probabilities <= 1 + _TOLERANCE)).all():
            raise self._mismatch(f"{self.output} holds values that are no probabilities")
        if self.foreign is None and not (abs(probabilities.sum(axis=1) - 1) <= _TOLERANCE).all():
            raise self._mismatch(f"a row of {self.output} does not sum to 1")
        return probabilities.astype(np.float32, copy=False)

    def _mismatch(self, what: str) -> errors.ContractMismatch:
        return errors.ContractMismatch(f"model {self.name}: {what}")


class Catalog:
    """The models that the gateway serves; safe to use from many threads.

    Args:
        names: of the models; the first is the default.
        foreign: entries of models without a `describe` signature, by name.
        ttl_s: for how long an answer is believed, seconds: so soon a new version is noticed.
    """

    def __init__(
        self, predictor: Predictor, names: tuple[str, ...], foreign: Mapping[str, ForeignModel], ttl_s: float
    ) -> None:
        self.names = names
        self._predictor = predictor
        self._foreign = foreign
        self._ttl_s = ttl_s
        self._known: dict[Key, tuple[Model, float]] = {}
        # One question about a model at a time: the others want the same answer, or share the failure.
        self._locks = {name: threading.Lock() for name in names}
        self._failed: dict[str, tuple[Key, float, errors.ServingError]] = {}

    def require(self, name: str) -> None:
        """Refuse a name that is not configured. Raises: Problem (HTTP 404)."""
        if name not in self.names:
            raise Problem(UNKNOWN_MODEL, f"There is no model {name!r}; there are: {', '.join(self.names)}.")

    def get(self, name: str, deadline: Deadline, *, version: int | None = None, label: str | None = None) -> Model:
        """Give a model; its newest version unless one is asked for by number or label.

        Raises: Problem (404) for an unknown name, version or label; ServingError.
        """
        self.require(name)
        key = (name, version, label)
        known, now_s = self._known.get(key), time.monotonic()
        if known is not None and now_s < known[1]:
            return known[0]
        lock = self._locks[name]
        # What was right seconds ago beats waiting for a server that may hang.
        if not lock.acquire(timeout=deadline.remaining_s() if known is None else 0):
            if known is not None:
                return known[0]
            raise errors.ModelTimeout("no time was left to ask what the model is")
        try:
            return self._refresh(key, now_s, deadline)
        finally:
            lock.release()

    def forget(self, name: str, deadline: Deadline) -> None:
        """Ask anew next time: a version turned out to be gone."""
        lock = self._locks[name]
        if lock.acquire(timeout=deadline.remaining_s()):
            try:
                for key in [key for key in self._known if key[0] == name]:
                    del self._known[key]
            finally:
                lock.release()

    def _refresh(self, key: Key, asked_s: float, deadline: Deadline) -> Model:
        name = key[0]
        known = self._known.get(key)
        if known is not None and time.monotonic() < known[1]:
            return known[0]  # another thread asked while this one waited
        failed = self._failed.get(name)
        if failed is not None and failed[0] == key and asked_s <= failed[1]:
            raise type(failed[2])(failed[2].message, failed[2].code)  # likewise, in vain
        try:
            model = self._ask(key, known[0] if known else None, deadline)
        except (errors.ModelNotFound, errors.InvalidRequest) as error:
            self._known.pop(key, None)
            raise self._refusal(key, deadline) or error from error
        except errors.ServingError as error:
            self._failed[name] = (key, time.monotonic(), error)
            raise
        self._known[key] = (model, time.monotonic() + self._ttl_s)
        return model

    def _refusal(self, key: Key, deadline: Deadline) -> Problem | None:
        """Tell a version or label that is not there from a model that is not ready."""
        name, version, label = key
        if version is None and label is None:
            return None
        states = self._predictor.status(name, deadline)
        if not any(one.state == "AVAILABLE" for one in states):
            return None
        wanted = f"version {version}" if label is None else f"version with the label {label!r}"
        return Problem(UNKNOWN_MODEL, f"The model {name} has no {wanted}.")

    def _ask(self, key: Key, known: Model | None, deadline: Deadline) -> Model:
        name, version, label = key
        metadata = self._predictor.signatures(name, deadline, version=version, label=label)
        if known is not None and known.version == metadata.version:
            return known
        foreign = self._foreign.get(name)
        signature_name = foreign.signature if foreign else "serving_default"
        signature = metadata.signatures.get(signature_name)
        if signature is None:
            raise errors.ContractMismatch(f"model {name}: no signature {signature_name}")
        if foreign:
            labels, card = foreign.labels, {"name": name, "task": foreign.task, "labels": list(foreign.labels)}
        else:
            labels, card = self._describe(name, metadata.version, deadline)
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

    def _describe(self, name: str, version: int, deadline: Deadline) -> tuple[tuple[str, ...], dict[str, Any]]:
        answer = self._predictor.predict(
            name,
            {"key": np.array([b"labels", b"card"], dtype=object)},
            deadline,
            version=version,
            signature="describe",
        )
        try:
            labels, card = (json.loads(value) for value in answer.outputs["value"])
        except (KeyError, TypeError, ValueError) as error:
            raise errors.ContractMismatch(f"model {name}: describe does not answer with two JSON texts") from error
        if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels) or len(labels) < 2:  # noqa: PLR2004
            raise errors.ContractMismatch(f"model {name}: describe's labels are not a list of names")
        if not isinstance(card, dict):
            raise errors.ContractMismatch(f"model {name}: describe's card is no JSON object")
        return tuple(labels), card


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
