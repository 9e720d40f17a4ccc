"""Feed a foreign model, and read it: the scaling and the activation that its settings entry names."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from gateway.foreign import ForeignModel

Floats = npt.NDArray[np.float32]

_IMAGENET_MEAN_BGR = np.array([103.939, 116.779, 123.68], np.float32)  # of Caffe's ImageNet models, 0..255
_IMAGENET_MEAN_RGB = np.array([0.485, 0.456, 0.406], np.float32)  # of torchvision's, 0..1
_IMAGENET_STD_RGB = np.array([0.229, 0.224, 0.225], np.float32)


def _softmax(values: Floats) -> Floats:
    exponentials = np.exp(values - values.max(axis=-1, keepdims=True))
    shares: Floats = exponentials / exponentials.sum(axis=-1, keepdims=True)
    return shares


def _sigmoid(values: Floats) -> Floats:
    return np.exp(-np.logaddexp(np.float32(0.0), -values))  # 1 / (1 + exp(-x)) without overflow at either end


_SCALINGS: dict[str, Callable[[Floats], Floats]] = {
    "none": lambda pixels: pixels,
    "[0,1]": lambda pixels: pixels / np.float32(255.0),
    "[-1,1]": lambda pixels: pixels / np.float32(127.5) - np.float32(1.0),
    "caffe": lambda pixels: pixels[..., ::-1] - _IMAGENET_MEAN_BGR,
    "torch": lambda pixels: (pixels / np.float32(255.0) - _IMAGENET_MEAN_RGB) / _IMAGENET_STD_RGB,
}
_ACTIVATIONS: dict[str, Callable[[Floats], Floats]] = {
    "none": lambda values: values,
    "softmax": _softmax,
    "sigmoid": _sigmoid,
}


def scale(model: ForeignModel, images: npt.NDArray[np.uint8], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Turn uint8[N, H, W, 3] RGB into what the model was trained on, in the dtype of its input."""
    return np.ascontiguousarray(_SCALINGS[model.scaling](images.astype(np.float32)), dtype)


def to_probabilities(model: ForeignModel, output: npt.NDArray[Any]) -> Floats:
    """Turn a model's output, [N, K], into float32[N, K] by its activation.

    For two labels [N, 1] will do: the single column is the second label's, as Keras numbers the classes of a binary
    model 0 and 1.
    """
    values = _ACTIVATIONS[model.activation](output.astype(np.float32).reshape(len(output), -1))
    if values.shape[1] == 1 and len(model.labels) == 2:  # noqa: PLR2004
        return np.concatenate([1.0 - values, values], axis=1)
    return values
