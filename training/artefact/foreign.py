"""Load a model that was made elsewhere: `.keras`, Keras' older `.h5`, or a SavedModel.

Such a file can hold code: Lambda layers and classes of any module in Keras' formats, operations that read and write
files or call Python in a SavedModel. All of that is looked for before anything is loaded, and refused unless trusted.
"""

import json
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import keras
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2

# Operations that reach outside of the graph. Saving and restoring variables is in every SavedModel.
_OUTSIDE = frozenset(
    {"PyFunc", "PyFuncStateless", "EagerPyFunc", "ReadFile", "WriteFile", "MatchingFiles", "PrintV2", "ImmutableConst"}
)
# Keras 2 wrote these into the configs of layers whose classes no longer take them; they say nothing.
_OLD_KEYS = dict.fromkeys(
    ("DepthwiseConv2D", "SeparableConv2D"),
    ("groups", "kernel_initializer", "kernel_regularizer", "kernel_constraint"),
)


class ForeignError(ValueError):
    """The file is no model that can be imported; the message says why, and what to do."""


@dataclass(frozen=True)
class Foreign:
    """A loaded model.

    Args:
        run: scaled pixels float32[N, H, W, channels] -> float32[N, K].
        height: of its input, pixels; None where any will do.
        width: likewise.
        channels: 1 or 3.
        outputs: K.
        keep: what holds its variables.
        description: format and name, for the card.
    """

    run: Callable[[tf.Tensor], tf.Tensor]
    height: int | None
    width: int | None
    channels: int
    outputs: int
    keep: Any
    description: str


def load(path: Path, *, trust: bool) -> Foreign:
    """Load a model.

    Args:
        path: a file `.keras` or `.h5`, or the directory of a SavedModel.
        trust: load it although it holds code.
    Raises: ForeignError for a path without a model, code without trust, or other than one input and one output.
    """
    if not path.exists():
        raise ForeignError(f"There is no {path}.")
    try:
        if path.is_dir():
            return _saved_model(path, trust=trust)
        return _keras(path, trust=trust)
    except ForeignError:
        raise
    except Exception as error:  # Keras and TensorFlow raise whatever their depths raise
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ForeignError(
            f"{path} cannot be loaded: {reason} If it was made with another version of Keras, export it there as a "
            "SavedModel (model.export) and import that."
        ) from error


def _keras(path: Path, *, trust: bool) -> Foreign:
    config = _read_config(path)
    if '"TFOpLambda"' in json.dumps(config):
        raise ForeignError(
            f"{path} was made by Keras 2 with TensorFlow's operations as layers (TFOpLambda), which Keras 3 does not "
            "know: export it there as a SavedModel and import that."
        )
    if not trust and (found := next(_code(config), None)):
        raise ForeignError(
            f"{path} holds {found}: code that would run here. If it comes from somebody you trust, add --trust."
        )
    with tempfile.TemporaryDirectory() as folder:
        source = path
        if path.suffix != ".keras" and _drop_old_keys(config):
            source = Path(shutil.copy(path, folder))
            with h5py.File(source, "r+") as file:
                file.attrs["model_config"] = json.dumps(config)
        model = keras.saving.load_model(source, compile=False, safe_mode=not trust)
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ForeignError(
            f"{path} has {len(model.inputs)} inputs and {len(model.outputs)} outputs; one of each is needed."
        )
    kind = "Keras 3 file" if path.suffix == ".keras" else "HDF5 file"
    return Foreign(
        lambda pixels: tf.cast(model(_ranked(pixels, model.inputs[0].shape), training=False), tf.float32),
        *_input_shape(path, model.inputs[0].shape),
        _outputs(path, model.outputs[0].shape),
        None,
        f"{kind} {model.name}",
    )


def _read_config(path: Path) -> dict[str, Any]:
    """Read a Keras file's description of its layers without making any of them."""
    if path.suffix == ".keras":
        try:
            with zipfile.ZipFile(path) as archive:
                return dict(json.loads(archive.read("config.json")))
        except (zipfile.BadZipFile, KeyError) as error:
            raise ForeignError(f"{path} is no Keras file: {error}") from error
    if path.suffix in {".h5", ".hdf5"}:
        try:
            with h5py.File(path) as file:
                config = file.attrs.get("model_config")
        except OSError as error:
            raise ForeignError(f"{path} is no HDF5 file: {error}") from error
        if config is None:
            raise ForeignError(f"{path} holds weights alone, no model: save it whole with model.save(...).")
        return dict(json.loads(config))
    raise ForeignError(f"{path}: a model is a file .keras or .h5, or the directory of a SavedModel.")


def _code(config: Any) -> Iterator[str]:
    """Find what would run code of the file or of a module outside of Keras."""
    if isinstance(config, list):
        for value in config:
            yield from _code(value)
    if not isinstance(config, dict):
        return
    name = config.get("class_name")
    if name in {"Lambda", "__lambda__"}:
        yield f"a {str(name).strip('_')} layer"
    module = config.get("module")
    if isinstance(module, str) and module.partition(".")[0] not in {"keras", "builtins"}:
        yield f"{module}.{name}"
    if "registered_name" in config and module is None and config["registered_name"] not in {None, name}:
        yield f"the custom class {config['registered_name']}"
    for value in config.values():
        yield from _code(value)


def _drop_old_keys(config: Any) -> bool:
    """Remove, in place, what Keras 2 wrote and Keras 3 does not take; say whether there was any."""
    if isinstance(config, list):
        return bool([value for value in config if _drop_old_keys(value)])  # not any(): it stops at the first
    if not isinstance(config, dict):
        return False
    inner = config.get("config")
    old = [key for key in _OLD_KEYS.get(config.get("class_name", ""), ()) if isinstance(inner, dict) and key in inner]
    for key in old:
        del inner[key]
    return bool(old) | bool([value for value in config.values() if _drop_old_keys(value)])


def _saved_model(path: Path, *, trust: bool) -> Foreign:
    _check_operations(path, trust=trust)
    loaded = tf.saved_model.load(str(path))
    signature = loaded.signatures.get("serving_default")
    if signature is None:
        raise ForeignError(f"{path} has no signature serving_default; it has {', '.join(loaded.signatures) or 'none'}.")
    inputs, outputs = signature.structured_input_signature[1], signature.structured_outputs
    if len(inputs) != 1 or len(outputs) != 1:
        raise ForeignError(
            f"{path} has the inputs {', '.join(inputs)} and the outputs {', '.join(outputs)}; one of each is needed."
        )
    (name, spec), (answer, result) = next(iter(inputs.items())), next(iter(outputs.items()))
    if spec.dtype not in {tf.float32, tf.uint8} or not result.dtype.is_floating:
        raise ForeignError(f"{path} takes {spec.dtype.name} and gives {result.dtype.name}; float32 pixels are needed.")
    return Foreign(
        lambda pixels: tf.cast(
            signature(**{name: _ranked(tf.cast(pixels, spec.dtype), spec.shape)})[answer], tf.float32
        ),
        *_input_shape(path, spec.shape),
        _outputs(path, result.shape),
        loaded,
        f"SavedModel {path.name}",
    )


def _check_operations(path: Path, *, trust: bool) -> None:
    try:
        saved = saved_model_pb2.SavedModel.FromString((path / "saved_model.pb").read_bytes())
    except (OSError, DecodeError) as error:
        raise ForeignError(f"{path} is no SavedModel: it has no saved_model.pb that can be read.") from error
    used = {
        node.op
        for graph in saved.meta_graphs
        for nodes in (graph.graph_def.node, *(function.node_def for function in graph.graph_def.library.function))
        for node in nodes
    }
    if not trust and (found := sorted(used & _OUTSIDE)):
        raise ForeignError(
            f"{path} holds the operation {found[0]}, which reaches outside of the model. If it comes from somebody you "
            "trust, add --trust."
        )
    if any("HashTable" in operation for operation in used):
        raise ForeignError(
            f"{path} holds a hash table, which LiteRT cannot convert: export it without look-ups of labels."
        )


def _ranked(pixels: tf.Tensor, shape: Any) -> tf.Tensor:
    """Take the channel away where a model's input has none: [N, H, W, 1] -> [N, H, W]."""
    return pixels if len(shape) == 4 else pixels[..., 0]  # noqa: PLR2004 - batch, height, width, channels


def _input_shape(path: Path, shape: Any) -> tuple[int | None, int | None, int]:
    """Return height, width and channels of an input; raise ForeignError for what is no batch of pictures."""
    batch, *rest = list(shape)
    if batch is not None or len(rest) not in {2, 3}:
        raise ForeignError(
            f"{path} takes {tuple(shape)}; a batch of pictures (None, height, width, channels) is needed."
        )
    height, width, channels = rest if len(rest) == 3 else (*rest, 1)  # noqa: PLR2004 - height, width, channels
    if channels not in {1, 3, None}:
        hint = " Its channels come first: save it with channels last." if height in {1, 3} else ""
        raise ForeignError(f"{path} takes {tuple(shape)}, whose last dimension is no 3 (or 1) channels.{hint}")
    return height, width, channels or 3


def _outputs(path: Path, shape: Any) -> int:
    if len(shape) != 2 or not shape[1]:  # noqa: PLR2004 - pictures, classes
        raise ForeignError(f"{path} answers {tuple(shape)}; one number a class, (None, classes), is needed.")
    return int(shape[1])
