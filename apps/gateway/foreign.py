"""Foreign models: SavedModels made elsewhere, described by a settings entry instead of by contract 1.

The file is TOML, or JSON where its name ends in .json; one table a model, named as the model server names it:

    [clothing-xception]
    input = "input_8"               # tensor alias; may be left out where the signature has only one
    output = "dense_7"              # likewise
    labels = ["dress", "hat"]       # in the order of the output's columns
    scaling = "[-1,1]"              # of pixels 0..255: "[-1,1]", "[0,1]", "none", "caffe" or "torch"
    activation = "softmax"          # what turns the output into probabilities: "softmax", "sigmoid" or "none"
    height = 299                    # only where the signature leaves the size open
    width = 299
    signature = "serving_default"
    task = "Kind of garment"        # a sentence for people
"""

import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

_IMAGENET_MEAN_BGR = np.array([103.939, 116.779, 123.68], np.float32)  # of Caffe's ImageNet models, 0..255
_IMAGENET_MEAN_RGB = np.array([0.485, 0.456, 0.406], np.float32)  # of torchvision's, 0..1
_IMAGENET_STD_RGB = np.array([0.229, 0.224, 0.225], np.float32)

_SCALINGS: dict[str, Callable[[Floats], Floats]] = {
    "none": lambda pixels: pixels,
    "[0,1]": lambda pixels: pixels / np.float32(255.0),
    "[-1,1]": lambda pixels: pixels / np.float32(127.5) - np.float32(1.0),
    "caffe": lambda pixels: pixels[..., ::-1] - _IMAGENET_MEAN_BGR,
    "torch": lambda pixels: (pixels / np.float32(255.0) - _IMAGENET_MEAN_RGB) / _IMAGENET_STD_RGB,
}


def _softmax(values: Floats) -> Floats:
    exponentials = np.exp(values - values.max(axis=-1, keepdims=True))
    shares: Floats = exponentials / exponentials.sum(axis=-1, keepdims=True)
    return shares


def _sigmoid(values: Floats) -> Floats:
    # The two halves of exp(-log(1 + exp(-x))): no overflow at either end.
    return np.exp(-np.logaddexp(np.float32(0.0), -values))


_ACTIVATIONS: dict[str, Callable[[Floats], Floats]] = {
    "none": lambda values: values,
    "softmax": _softmax,
    "sigmoid": _sigmoid,
}


class ForeignModelError(ValueError):
    """Report an entry that cannot be used; the message names the model and the key."""


@dataclass(frozen=True)
class ForeignModel:
    """How to feed a SavedModel that does not scale its own input, and how to read it."""

    labels: tuple[str, ...]
    input: str = ""
    output: str = ""
    scaling: str = "none"
    activation: str = "none"
    signature: str = "serving_default"
    height: int = 0
    width: int = 0
    task: str = ""

    def scale(self, images: npt.NDArray[np.uint8], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
        """Turn uint8[N, H, W, 3] RGB into what the model was trained on, in the dtype of its input."""
        return np.ascontiguousarray(_SCALINGS[self.scaling](images.astype(np.float32)), dtype)

    def probabilities(self, output: npt.NDArray[Any]) -> Floats:
        """Turn the model's output, [N, K] or for two labels [N, 1], into float32[N, len(labels)].

        A single column is the second label's: Keras numbers the classes of a binary model 0 and 1.
        """
        values = _ACTIVATIONS[self.activation](output.astype(np.float32).reshape(len(output), -1))
        if values.shape[1] == 1 and len(self.labels) == 2:  # noqa: PLR2004
            return np.concatenate([1.0 - values, values], axis=1)
        return values


def read_foreign_models(path: Path) -> dict[str, ForeignModel]:
    """Read the entries of a TOML or JSON file by model name. Raises: ForeignModelError."""
    try:
        text = path.read_text(encoding="utf-8")
        document = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise ForeignModelError(f"cannot be read: {error.strerror}") from None
    except ValueError as error:  # both parsers' errors, and bytes that are not UTF-8
        raise ForeignModelError(f"is no {'JSON' if path.suffix == '.json' else 'TOML'}: {error}") from None
    if not isinstance(document, dict):
        raise ForeignModelError("must hold one table a model")
    return {name: _model(name, entry) for name, entry in document.items()}


def _model(name: str, entry: object) -> ForeignModel:
    if not isinstance(entry, dict):
        raise ForeignModelError(f"model {name} must be a table")
    known = ForeignModel.__dataclass_fields__
    for key, value in entry.items():
        if key not in known:
            raise ForeignModelError(f"model {name}: key {key!r} is none of {', '.join(known)}")
        kind = list if key == "labels" else int if key in ("height", "width") else str
        if not isinstance(value, kind) or isinstance(value, bool):
            raise ForeignModelError(f"model {name}: {key} has the wrong type")
    labels = entry.get("labels", [])
    if len(labels) < 2 or not all(isinstance(label, str) for label in labels) or len(set(labels)) < len(labels):  # noqa: PLR2004
        raise ForeignModelError(f"model {name}: labels must be two or more different strings")
    for key, choices in (("scaling", _SCALINGS), ("activation", _ACTIVATIONS)):
        if entry.get(key, "none") not in choices:
            raise ForeignModelError(f"model {name}: {key} must be one of {', '.join(choices)}")
    return ForeignModel(**_frozen(entry))


def _frozen(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {**entry, "labels": tuple(entry["labels"])}
