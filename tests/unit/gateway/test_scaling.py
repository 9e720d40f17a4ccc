"""Rules of feeding and reading foreign models."""

import numpy as np
import pytest

from gateway.foreign import ForeignModel
from gateway.scaling import scale, to_probabilities

PIXELS = np.array([[[[0, 127, 255]]]], np.uint8)


@pytest.mark.parametrize(
    ("scaling", "expected"),
    [
        ("none", [0, 127, 255]),
        ("[0,1]", [0, 127 / 255, 1]),
        ("[-1,1]", [-1, 127 / 127.5 - 1, 1]),
        ("caffe", [255 - 103.939, 127 - 116.779, -123.68]),
        ("torch", [-0.485 / 0.229, (127 / 255 - 0.456) / 0.224, (1 - 0.406) / 0.225]),
    ],
)
def test_scale(scaling, expected):
    """Each scaling gives what the models of its name were trained on, in the input's dtype."""
    scaled = scale(ForeignModel(("a", "b"), scaling=scaling), PIXELS, np.dtype(np.float32))
    assert np.float32 == scaled.dtype
    np.testing.assert_allclose(scaled[0, 0, 0], expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("activation", "output", "expected"),
    [
        ("none", [[0.25, 0.75]], [[0.25, 0.75]]),
        ("none", [[0.25]], [[0.75, 0.25]]),
        ("softmax", [[0.0, 0.0]], [[0.5, 0.5]]),
        ("softmax", [[1000.0, -1000.0]], [[1.0, 0.0]]),
        ("sigmoid", [[0.0, 1000.0]], [[0.5, 1.0]]),
        ("sigmoid", [[-1000.0]], [[1.0, 0.0]]),
    ],
)
def test_probabilities(activation, output, expected):
    """Logits of any size become probabilities; a binary model's only column is the second label's."""
    answer = to_probabilities(ForeignModel(("a", "b"), activation=activation), np.array(output, np.float32))
    assert np.float32 == answer.dtype
    np.testing.assert_allclose(answer, expected, atol=1e-6)
