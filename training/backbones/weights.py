"""Weights from Keras' own download, or from a file."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import keras

from training.backbones.applications import weighted_layers


class WeightsError(ValueError):
    """Weights are not there, or do not fit the network; the message says what to do."""


def download(name: str, build: Callable[[], keras.Model]) -> keras.Model:
    """Build a network of `keras.applications` with the ImageNet weights that Keras downloads, checks and keeps.

    Raises: WeightsError, naming the file and where to put it, without a network or for a file that is broken.
    """
    try:
        return build()
    except Exception as error:
        # Keras raises a bare Exception whose message holds the address.
        address = re.search(r"https?://\S+/([\w.-]+)", str(error))
        if not address:
            raise WeightsError(f"ImageNet weights of {name} cannot be loaded: {_first_line(error)}") from error
        raise WeightsError(
            f"ImageNet weights of {name} cannot be downloaded ({_first_line(error)}). Put {address[1]} into "
            f"{keras_models()}, pass another file of weights, or train from nothing."
        ) from error


def keras_models() -> Path:
    """Return the folder in which Keras keeps downloaded weights."""
    return Path(os.environ.get("KERAS_HOME", "~/.keras"), "models")


def load(name: str, model: keras.Model, plain: keras.Model | None, path: Path) -> None:
    """Read a backbone's weights from a file, in place.

    Args:
        name: of the backbone, for messages.
        model: the backbone as `build_backbone` makes it.
        plain: the network as Keras builds it, for files that were saved from that; None if there is no such.
        path: `.keras` (a backbone, or a classifier that starts with it), `.weights.h5`, or Keras' older `.h5`.
    Raises: WeightsError for a file that is not there, cannot be read, or holds another network's weights.
    """
    if not path.is_file():
        raise WeightsError(f"There is no file of weights {path}.")
    try:
        if path.suffix == ".keras":
            original = keras.saving.load_model(path, compile=False, safe_mode=True)
            names = {layer.name for layer in weighted_layers(original)}
            alike = all(layer.name in names for layer in weighted_layers(model))
            (copy_by_name if alike else copy_in_order)(model, original)
            return
        try:
            model.load_weights(path)
        except ValueError:
            if plain is None:
                raise
            plain.load_weights(path)
            copy_by_name(model, plain)
    except (ValueError, OSError, TypeError, KeyError, IndexError) as error:
        raise WeightsError(f"{path} does not hold weights that fit {name}: {_first_line(error)}") from error


def copy_by_name(model: keras.Model, original: keras.Model) -> None:
    """Give each layer of a model the weights of the original's layer of the same name."""
    layers = {layer.name: layer for layer in weighted_layers(original)}
    for layer in weighted_layers(model):
        layer.set_weights(layers[layer.name].get_weights())


def copy_in_order(model: keras.Model, original: keras.Model) -> None:
    """Give each layer of a model the weights of the original's in graph order; what comes after (a head) is left."""
    targets, layers = list(weighted_layers(model)), list(weighted_layers(original))
    if len(layers) < len(targets):
        raise ValueError(f"it has {len(layers)} layers with weights where {len(targets)} are needed")
    for target, layer in zip(targets, layers, strict=False):
        if type(target) is not type(layer):
            raise ValueError(f"its layer {layer.name} is no {type(target).__name__} such as {target.name}")
        target.set_weights(layer.get_weights())


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
