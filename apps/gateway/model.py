"""One version of a model: what it wants, what it answers, and how far that is believed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gateway.foreign import ForeignModel
from gateway.predictor import Predicts
from gateway.scaling import scale, to_probabilities
from serving_api import errors
from serving_api.client import Answer
from serving_api.deadline import Deadline

_TOLERANCE = 0.01  # of probabilities and their sums: what float16 weights and half-precision accelerators may lose


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
        self, predictor: Predicts, images: npt.NDArray[np.uint8], deadline: Deadline
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
            raise self._mismatch(f"{self.output} has shape {list(probabilities.shape)}, not {[rows, len(self.labels)]}")
        # Written so that NaN, which no comparison holds for, is refused too.
        if not ((probabilities >= -_TOLERANCE) & (probabilities <= 1 + _TOLERANCE)).all():
            raise self._mismatch(f"{self.output} holds values that are no probabilities")
        if self.foreign is None and not (abs(probabilities.sum(axis=1) - 1) <= _TOLERANCE).all():
            raise self._mismatch(f"a row of {self.output} does not sum to 1")
        return probabilities.astype(np.float32, copy=False)

    def _mismatch(self, what: str) -> errors.ContractMismatch:
        return errors.ContractMismatch(f"model {self.name}: {what}")
