"""An answer of the model server is believed only where it holds probabilities of the version that was asked."""

import numpy as np
import pytest

from gateway.foreign import ForeignModel
from gateway.model import Model
from serving_api import errors
from serving_api.client import Answer
from serving_api.deadline import Deadline

RIGHT = np.array([[0.2, 0.8], [0.5, 0.5]], np.float32)
PICTURES = np.zeros((2, 4, 6, 3), np.uint8)


class Says:
    """A model server with one answer."""

    def __init__(self, values, version=3, alias="probabilities"):
        self._answer = Answer({alias: np.asarray(values)}, version)

    def predict(self, *arguments, **options):
        return self._answer


def model(**changes):
    fields = {
        "name": "two", "version": 3, "labels": ("a", "b"), "height": 4, "width": 6, "card": {},
        "signature": "serving_default", "input": "image", "output": "probabilities", "dtype": np.dtype("u1"),
        "foreign": None,
    }  # fmt: skip
    return Model(**(fields | changes))


def classify(says, **changes):
    return model(**changes).classify(says, PICTURES, Deadline.after(5))


def test_probabilities_are_passed_on():
    """What keeps the contract is an answer; half precision may lose a little."""
    np.testing.assert_array_equal(RIGHT, classify(Says(RIGHT)))
    rounded = classify(Says(RIGHT.astype(np.float16) * np.float16(1.005)))
    assert np.float32 == rounded.dtype


@pytest.mark.parametrize(
    "says",
    [
        Says(RIGHT, version=2),
        Says(RIGHT, alias="logits"),
        Says(RIGHT[:1]),
        Says(RIGHT[:, :1]),
        Says(RIGHT[None]),
        Says(RIGHT.ravel()),
        Says(np.float32(1)),
        Says(np.zeros((2, 0), np.float32)),
        Says(RIGHT.astype(complex)),
        Says(np.array([[b"a", b"b"], [b"c", b"d"]], object)),
        Says(np.array([[True, False], [False, True]])),
        Says([[np.nan, 1], [0, 1]]),
        Says([[np.inf, 0], [0, 1]]),
        Says([[-np.inf, 1], [0, 1]]),
        Says([[-0.2, 1.2], [0, 1]]),
        Says([[3.1, -0.4], [0, 1]]),
        Says(np.zeros((2, 2), np.float32)),
        Says([[0.9, 0.9], [0.5, 0.5]]),
    ],
    ids=lambda says: str(says._answer).replace("\n", " ")[:60],
)
def test_anything_else_is_not(says):
    """Another version, name, shape or dtype, NaN, logits and rows of another sum are the model's fault, said so."""
    with pytest.raises(errors.ContractMismatch, match="model two"):
        classify(says)


@pytest.mark.parametrize(
    "values", [[[np.nan], [0.5]], np.array([[b"a"], [b"b"]], object), [[0.1, 0.2, 0.3], [0.1, 0.2, 0.3]], [[0.1]]]
)
def test_a_foreign_model_is_believed_no_more(values):
    """The activation of a settings entry makes no probabilities of what are none."""
    entry = ForeignModel(("a", "b"), scaling="none", activation="sigmoid")
    with pytest.raises(errors.ContractMismatch):
        classify(Says(values), foreign=entry)


def test_a_foreign_model_answers_both_labels_by_one_column():
    """A single output column is the second label's probability, and need not sum to one with itself."""
    entry = ForeignModel(("a", "b"), scaling="none", activation="none")
    np.testing.assert_allclose([[0.8, 0.2], [0.5, 0.5]], classify(Says([[0.2], [0.5]]), foreign=entry), atol=1e-6)
