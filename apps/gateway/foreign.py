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

`gateway.scaling` does what `scaling` and `activation` say.
"""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SCALINGS = ("none", "[0,1]", "[-1,1]", "caffe", "torch")
_ACTIVATIONS = ("none", "softmax", "sigmoid")


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
