"""The scalings of pixels that image models are trained on: the usual suspects where a model answers wrongly."""

from collections.abc import Callable, Mapping

import tensorflow as tf

Scaling = Callable[[tf.Tensor], tf.Tensor]  # float32[N, H, W, C] in 0..255 -> float32[N, H, W, C]
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_CAFFE = (103.939, 116.779, 123.68)  # means of B, G, R


def _torch(pixels: tf.Tensor) -> tf.Tensor:
    return (pixels / 255 - tf.constant(_MEAN)) / tf.constant(_DEVIATION)


def _caffe(pixels: tf.Tensor) -> tf.Tensor:
    return tf.reverse(pixels, [-1]) - tf.constant(_CAFFE)


SCALINGS: Mapping[str, Scaling] = {
    "none": lambda pixels: pixels,
    "unit": lambda pixels: pixels / 255,
    "symmetric": lambda pixels: pixels / 127.5 - 1,
    "caffe": _caffe,
    "torch": _torch,
}
MEANING: Mapping[str, str] = {
    "none": "0..255, or the model scales by itself",
    "unit": "x / 255",
    "symmetric": "x / 127.5 - 1",
    "caffe": "B, G, R minus ImageNet's means",
    "torch": "(x / 255 - ImageNet's means) / deviations",
}
IN_COLOUR = frozenset({"caffe", "torch"})  # what a model of one grey channel cannot have
