"""Backbones of `keras.applications`, made alike: one flat graph each, that takes pixels as they are.

Keras gives some of these networks their scaling and leaves others to the caller, nests layers in one of them, and gives
EfficientNet another graph with ImageNet weights than without, so that weights moved from one to the other would be
scaled wrongly in silence. Here every network is taken without whatever scaling it brought and put behind one `scale`
layer, whose numbers stand in the table below. A test compares each with what Keras itself computes.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, of RGB in 0..1


@dataclass(frozen=True)
class Application:
    """One network of `keras.applications` and what its pixels must look like.

    Args:
        factory: the function of `keras.applications`.
        size: native input height and width, pixels.
        smallest: least height and width that it takes, pixels.
        scale, offset: pixel * scale + offset is what it was trained on, for all channels or for R, G and B.
        reverse: whether it wants B, G, R.
        options: further arguments of the factory.
    """

    factory: Callable[..., keras.Model]
    size: int
    smallest: int
    scale: float | Sequence[float]
    offset: float | Sequence[float]
    reverse: bool = False
    options: tuple[tuple[str, Any], ...] = ()

    def plain(self, size: int, weights: str | None) -> keras.Model:
        """Build it as Keras does, without its classifier."""
        return self.factory(
            include_top=False, pooling="avg", weights=weights, input_shape=(size, size, 3), **dict(self.options)
        )

    def graft(self, plain: keras.Model, image: keras.KerasTensor, pixels: keras.KerasTensor) -> keras.KerasTensor:
        """Repeat a plain network's layers, with new weights, behind this table's scaling.

        Args:
            plain: the network as Keras builds it.
            image: input of the new graph.
            pixels: float32[N, S, S, 3] in 0..255, made of `image`.
        Returns: float32[N, F] features.
        """
        x = keras.layers.Rescaling(_plain(self.scale), offset=_plain(self.offset), name="scale")(pixels)
        if self.reverse:
            x = keras.ops.flip(x, axis=-1)

        def call(layer: keras.Layer, *arguments: Any, **options: Any) -> Any:
            arguments = tuple(_argument(x if argument is image else argument) for argument in arguments)
            if isinstance(layer, keras.layers.Rescaling | keras.layers.Normalization):
                return arguments[0]  # what the network brought; `x` is scaled already
            if isinstance(layer, keras.Sequential):
                tensor = arguments[0]
                for inner in layer.layers:
                    tensor = _clone(inner)(tensor)
                return tensor
            return layer(*arguments, **options)

        return keras.models.clone_model(plain, input_tensors=image, clone_function=_clone, call_function=call).output


def weighted_layers(model: keras.Model) -> Iterator[keras.Layer]:
    """List the layers that hold weights, those of nested models too, but no scaling of pixels."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from weighted_layers(layer)
        elif layer.weights and not isinstance(layer, keras.layers.Normalization):
            yield layer


def _argument(value: Any) -> Any:
    # A constant in the graph, such as MobileNetV3's 1 / 6, becomes float16 in the LiteRT file: round it everywhere.
    return float(np.float16(value)) if isinstance(value, float) else value


def _clone(layer: keras.Layer) -> keras.Layer:
    return layer.__class__.from_config(layer.get_config()) if isinstance(layer, keras.Layer) else layer


def _plain(values: float | Sequence[float]) -> float | list[float]:
    return values if isinstance(values, float) else list(values)


def _standardised(extra: Sequence[float] = (1.0, 1.0, 1.0)) -> dict[str, list[float]]:
    """Return scale and offset of (x / 255 - mean) / (deviation * extra), for each channel."""
    scale = [1 / (255 * d * e) for d, e in zip(_DEVIATION, extra, strict=True)]
    return {"scale": scale, "offset": [-255 * m * s for m, s in zip(_MEAN, scale, strict=True)]}


_SYMMETRIC = {"scale": 1 / 127.5, "offset": -1.0}
# Means of B, G, R of the pictures that the first Caffe networks were trained on, here in the order R, G, B.
_CAFFE = {"scale": 1.0, "offset": (-123.68, -116.779, -103.939), "reverse": True}
# The published weights were trained behind a division by the variance's root, once more by the deviation's: see the
# comment in keras/applications/efficientnet.py and TensorFlow's issue 49930.
_EFFICIENTNET = _standardised([d**0.5 for d in _DEVIATION])
_UNSCALED = (("include_preprocessing", False),)

_app = keras.applications
APPLICATIONS: dict[str, Application] = {
    "xception": Application(_app.Xception, 299, 71, **_SYMMETRIC),
    "efficientnet-b3": Application(_app.EfficientNetB3, 300, 32, **_EFFICIENTNET),
    "efficientnet-b5": Application(_app.EfficientNetB5, 456, 32, **_EFFICIENTNET),
    "inception-v3": Application(_app.InceptionV3, 299, 75, **_SYMMETRIC),
    "vgg16": Application(_app.VGG16, 224, 32, **_CAFFE),
    "mobilenet-v3-small": Application(_app.MobileNetV3Small, 224, 32, **_SYMMETRIC, options=_UNSCALED),
    "mobilenet-v3-large": Application(_app.MobileNetV3Large, 224, 32, **_SYMMETRIC, options=_UNSCALED),
    "efficientnet-v2-b0": Application(_app.EfficientNetV2B0, 224, 32, **_standardised(), options=_UNSCALED),
    "convnext-tiny": Application(_app.ConvNeXtTiny, 224, 32, **_standardised(), options=_UNSCALED),
}


MOBILENET_WIDTHS = (0.25, 0.5, 0.75, 1.0)  # of which there are ImageNet weights


def mobilenet(width: float) -> Application:
    """Describe MobileNet (arXiv:1704.04861) of any width."""
    return Application(_app.MobileNet, 224, 32, **_SYMMETRIC, options=(("alpha", width),))


APPLICATIONS |= {f"mobilenet-{width}": mobilenet(width) for width in MOBILENET_WIDTHS}
