"""Answers carry typed lists, which clients of the original read directly."""

import numpy as np
import pytest

from model_server.typed_lists import to_typed_lists
from serving_api.tensors import to_array

DTYPES = ["f4", "f8", "f2", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?", "c8", "c16"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(2, 2), (4,), (0, 3)])
def test_every_dtype_comes_back(dtype, shape):
    """What is written as a typed list reads as the same array."""
    array = (np.arange(4)[: np.prod(shape)].reshape(shape) * 0.5).astype(dtype)
    tensor = to_typed_lists(array)
    assert b"" == tensor.tensor_content
    assert array.shape == to_array(tensor).shape
    assert array.tolist() == to_array(tensor).tolist()


def test_scalar_comes_back():
    """A number without a shape stays one."""
    assert 1.5 == to_array(to_typed_lists(np.array(1.5))).item()


def test_float_val_holds_the_numbers():
    """A client that reads float_val finds the probabilities."""
    assert [0.25, 0.75] == list(to_typed_lists(np.array([[0.25, 0.75]], np.float32)).float_val)


def test_rows_of_a_larger_array_come_back():
    """A share of a batch is a view, and only the share is written."""
    batch = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert batch[1:2, ::2].tolist() == to_array(to_typed_lists(batch[1:2, ::2])).tolist()


def test_strings():
    """Text is a list in either encoding."""
    assert [b"a", b"b"] == list(to_typed_lists(np.array([b"a", b"b"], dtype=object)).string_val)
