"""The table of backbones, and the one door to them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import keras

from training.backbones import efficientnet_lite, small_cnn
from training.backbones.applications import APPLICATIONS, MOBILENET_WIDTHS, Application, mobilenet
from training.backbones.weights import WeightsError, copy_by_name, download, load


@dataclass(frozen=True)
class Backbone:
    """What a backbone's name stands for.

    Args:
        size: native input height and width, pixels.
        smallest: least height and width that it takes, pixels.
        imagenet: whether weights of ImageNet exist.
    """

    size: int
    smallest: int
    imagenet: bool = True


class _Table(Mapping[str, Backbone]):
    """Names of backbones to what they stand for; `mobilenet-<width>` of any width is found, though not listed."""

    def __init__(self, listed: Mapping[str, Backbone]) -> None:
        self._listed = listed

    def __getitem__(self, name: str) -> Backbone:
        if name not in self._listed and (width := mobilenet_width(name)):
            return Backbone(224, 32, imagenet=width in MOBILENET_WIDTHS)
        return self._listed[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._listed)

    def __len__(self) -> int:
        return len(self._listed)


def mobilenet_width(name: str) -> float | None:
    """Read the width of `mobilenet-<width>`; None for another name or a width that is not above 0 and at most 4."""
    found = re.fullmatch(r"mobilenet-(\d+(?:\.\d+)?)", name)
    width = float(found[1]) if found else 0.0
    return width if 0 < width <= 4 else None  # noqa: PLR2004 - beyond that somebody mistook it for a size


BACKBONES: Mapping[str, Backbone] = _Table(
    {
        **{name: Backbone(application.size, application.smallest) for name, application in APPLICATIONS.items()},
        **{name: Backbone(variant.size, 32) for name, variant in efficientnet_lite.VARIANTS.items()},
        "small-cnn": Backbone(small_cnn.SIZE, 4, imagenet=False),
    }
)


def build_backbone(
    name: str, size: int | None = None, weights: str | Path | None = "imagenet", *, resize_from: int | None = None
) -> keras.Model:
    """Build a feature extractor as one flat graph, with its own scaling of pixels inside.

    Args:
        name: a key of `BACKBONES`, or `mobilenet-<width>` of any width.
        size: height and width at which it works, pixels; its native size if None.
        weights: "imagenet", a file (`.keras`, `.weights.h5`, Keras' older `.h5`), or None for random ones.
        resize_from: height and width of the input, which is then resized to `size` inside the graph; `size` if None.
    Returns: model `image` float32[N, S, S, 3], RGB in 0..255 -> float32[N, F] pooled features. Its graph is the same
        with any weights, so they can be moved from one such model to another by `set_weights`.
    Raises: ValueError for an unknown name or a size that is too small; WeightsError (a ValueError) for weights that are
        not there or do not fit.
    """
    if name not in BACKBONES:
        raise ValueError(f"There is no backbone {name!r}; there are {', '.join(BACKBONES)}, and mobilenet-<any width>.")
    known = BACKBONES[name]
    side = size or known.size
    if side < known.smallest:
        raise ValueError(f"{name} takes pictures of {known.smallest} px and more, not {side}.")
    if weights == "imagenet" and not known.imagenet:
        raise WeightsError(
            f"There are no ImageNet weights of {name}: train it from nothing, or pass a file of weights."
        )
    image = keras.Input((resize_from or side, resize_from or side, 3), name="image")
    x = image
    if resize_from and resize_from != side:
        # Not the layer Resizing: its call has training=True for a default, which Keras (3.15) then passes on to every
        # batch norm behind it wherever a model is called without saying `training=False`.
        x = keras.ops.image.resize(x, (side, side))
    application = APPLICATIONS.get(name) or (mobilenet(width) if (width := mobilenet_width(name)) else None)
    if application:
        plain = _plain(name, application, side, weights)
        model = keras.Model(image, application.graft(plain, image, x), name=name)
        copy_by_name(model, plain)
    else:
        plain = None
        x = small_cnn.features(x) if name == "small-cnn" else efficientnet_lite.features(name, x)
        model = keras.Model(image, x, name=name)
        if weights == "imagenet":
            efficientnet_lite.assign_imagenet(model, name)
    if weights not in {"imagenet", None}:
        load(name, model, plain, Path(weights))
    return model


def _plain(name: str, application: Application, size: int, weights: str | Path | None) -> keras.Model:
    if weights == "imagenet":
        return download(name, lambda: application.plain(size, "imagenet"))
    return application.plain(size, None)
