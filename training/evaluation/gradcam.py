"""Grad-CAM: which parts of a picture speak for an answer, from a SavedModel alone.

Selvaraju et al. 2017 (arXiv:1610.02391). Neither Keras nor training code is asked: the signature's graph is inlined and
frozen, its last feature map found, and the gradient taken in that graph, so that a model made elsewhere is explained
just as well.
"""

import logging
import os
import re
from collections import deque
from pathlib import Path
from typing import Any, Self

import numpy as np
from PIL import Image
from tqdm import tqdm

from training.artefact import serving

_BATCH = 8
_MAP_RANK = 4
_OPACITY = 0.75  # of an overlay where it is strongest
# What may stand between soft-max or sigmoid and the signature's output without changing what it says.
_PASSING = {
    "Identity", "IdentityN", "Reshape", "Squeeze", "ExpandDims", "ConcatV2", "Pack", "Sub", "Cast", "StridedSlice",
    "PlaceholderWithDefault",
}  # fmt: skip


class GradCamError(ValueError):
    """The model cannot be explained this way; the message says why."""


class GradCam:
    """Explains the answers of one model version.

    Args:
        model_dir: a model version by contract 1; only its SavedModel is read.
    Raises: GradCamError if the SavedModel does not load, or has no feature map between picture and answer.
    """

    def __init__(self, model_dir: Path) -> None:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        import tensorflow as tf

        definition, image, probabilities = _frozen(tf, model_dir)
        self._graph = tf.Graph()
        with self._graph.as_default():
            tf.import_graph_def(definition, name="")
            self._image = self._graph.get_tensor_by_name(image)
            answers = self._graph.get_tensor_by_name(probabilities)
            self._map = _last_map(self._image, answers, model_dir)
            self._classes = tf.compat.v1.placeholder(tf.int32, [None])
            score = _score(tf, answers, self._classes)
            try:
                self._gradient = tf.compat.v1.gradients(score, self._map)[0]
            except LookupError as error:  # an operation that TensorFlow cannot differentiate
                raise GradCamError(f"{model_dir} cannot be explained by Grad-CAM: {error}") from error
        if self._gradient is None:
            raise GradCamError(f"{model_dir}: no gradient reaches the feature map {self._map.name}; no Grad-CAM.")
        threads = tf.compat.v1.ConfigProto(intra_op_parallelism_threads=2, inter_op_parallelism_threads=1)
        self._session = tf.compat.v1.Session(graph=self._graph, config=threads)
        self.layer = re.sub(r"^(StatefulPartitionedCall|PartitionedCall)/|:0$", "", self._map.name)

    def __enter__(self) -> Self:
        """Give itself, to be closed at the end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Free the session."""
        self._session.close()

    def maps(self, images: np.ndarray, classes: np.ndarray) -> np.ndarray:
        """Say how strongly each place of each picture speaks for a class.

        Args:
            images: uint8[N, H, W, 3].
            classes: int[N], the class to explain of each picture.
        Returns: float32[N, h, w] in 0..1, the model's last feature map in size; all 0 where nothing speaks for it.
        """
        parts = []
        for start in tqdm(range(0, len(images), _BATCH), desc="Grad-CAM", unit="batch", leave=False, disable=None):
            feed = {self._image: images[start : start + _BATCH], self._classes: classes[start : start + _BATCH]}
            features, gradient = self._session.run([self._map, self._gradient], feed)
            # In float64: of a network that hardly reacts, float32 would lose what little there is.
            weights = gradient.astype(float).mean(axis=(1, 2), keepdims=True)
            found = np.maximum((weights * features).sum(axis=-1), 0)
            strongest = found.max(axis=(1, 2), keepdims=True)
            parts.append(found / np.where(strongest > 0, strongest, 1))
        return np.concatenate(parts).astype(np.float32)


def overlay(image: np.ndarray, found: np.ndarray, height: int = 224) -> np.ndarray:
    """Lay a map over its picture in grey, whose own colours would be taken for the map's: uint8[height, width, 3].

    Args:
        image: uint8[H, W, 3].
        found: float[h, w] in 0..1; places near 0 show the picture, near 1 a warm colour.
        height: of the result in pixels.
    """
    from matplotlib import colormaps

    width = round(image.shape[1] * height / image.shape[0])
    picture = Image.fromarray(image).convert("L").resize((width, height), Image.Resampling.BICUBIC)
    smooth = Image.fromarray(found.astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC)
    strength = np.clip(np.asarray(smooth), 0, 1)[..., np.newaxis]
    colour = colormaps["inferno"](0.2 + 0.8 * strength[..., 0])[..., :3].astype(np.float32) * 255
    opacity = _OPACITY * strength
    grey = np.asarray(picture, np.float32)[..., np.newaxis]
    return ((1 - opacity) * grey + opacity * colour).round().astype(np.uint8)


def _frozen(tf: Any, model_dir: Path) -> tuple[Any, str, str]:
    """Load a SavedModel's `serving_default` as one graph without functions and variables, and name its two ends."""
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    quiet = logging.getLogger("tensorflow")
    level = quiet.level
    quiet.setLevel(logging.ERROR)
    try:
        loaded = tf.saved_model.load(str(model_dir))
        signature = loaded.signatures[serving.SIGNATURE]
        place = sorted(signature.structured_outputs).index(serving.PROBABILITIES)
        frozen = convert_variables_to_constants_v2(signature)
    except (OSError, KeyError, ValueError, RuntimeError, tf.errors.OpError) as error:
        raise GradCamError(f"{model_dir} holds no SavedModel that can be explained: {error}") from error
    finally:
        quiet.setLevel(level)
    definition = frozen.graph.as_graph_def()
    for node in definition.node:
        # A custom gradient lives in the Python that made the model. Without it the ops beneath are differentiated,
        # which is the same function.
        node.attr.pop("_gradient_op_type", None)
    return definition, frozen.inputs[0].name, frozen.outputs[place].name


def _last_map(image: Any, answers: Any, model_dir: Path) -> Any:
    """Find the last tensor [N, h, w, C] with h, w, C > 1 between a convolution of the picture and the answer.

    All that the model sees should go through it: a branch of a block, next to others, would tell only its part. So the
    deepest one that every way from picture to answer takes, and only without such a one the deepest of all.
    """
    order = _sorted(answers.op)
    depth, ways = {image.op: 0}, {image.op: 1}  # from the picture: longest way, and number of ways
    convolved = set()  # without this the picture itself, scaled, would pass for the map of a dense network
    for op in order:
        before = [tensor.op for tensor in op.inputs if tensor.op in depth]
        if before and op not in depth:
            depth[op] = max(depth[one] for one in before) + 1
            ways[op] = sum(ways[one] for one in before)
            if "Conv" in op.type or not convolved.isdisjoint(before):
                convolved.add(op)
    onward = dict.fromkeys(depth, 0)  # number of ways from an op to the answer
    onward[answers.op] = 1
    for op in reversed(order):
        for tensor in op.inputs:
            if op in onward and tensor.op in onward:
                onward[tensor.op] += onward[op]
    found = [tensor for op in convolved for tensor in op.outputs if _is_map(tensor)]
    if not found:
        raise GradCamError(f"{model_dir} has no feature map between picture and answer: no Grad-CAM.")
    everything = ways[answers.op]
    return max(found, key=lambda tensor: (ways[tensor.op] * onward[tensor.op] == everything, depth[tensor.op]))


def _is_map(tensor: Any) -> bool:
    if tensor.shape.rank != _MAP_RANK or not tensor.dtype.is_floating:
        return False
    return all(size is None or size > 1 for size in tensor.shape[1:])


def _sorted(last: Any) -> list[Any]:
    """List an op and all that it needs, inputs first."""
    order: list[Any] = []
    seen = set()
    stack = [(last, False)]
    while stack:
        op, done = stack.pop()
        if done:
            order.append(op)
        elif op not in seen:
            seen.add(op)
            stack.append((op, True))
            stack.extend((tensor.op, False) for tensor in op.inputs)
    return order


def _score(tf: Any, answers: Any, classes: Any) -> Any:
    """Return what speaks for each picture's class, before soft-max or sigmoid flattens it: [N]."""
    last = _activation(answers.op)
    if last is not None and last.type == "Softmax" and last.inputs[0].shape.rank == 2:  # noqa: PLR2004 - [N, K]
        return _pick(tf, last.inputs[0], classes)
    chosen = _pick(tf, answers, classes)
    if last is not None and last.type == "Sigmoid" and last.outputs[0].shape[-1] == 1:
        # Two classes from one unit: the one whose probability it is gets its logit, the other one the negative.
        unit = tf.reshape(last.outputs[0], [-1])
        sign = tf.where(tf.abs(chosen - unit) <= tf.abs(chosen - (1 - unit)), 1.0, -1.0)
        return tf.stop_gradient(sign) * tf.reshape(last.inputs[0], [-1])
    return tf.math.log(chosen + 1e-12)


def _pick(tf: Any, table: Any, classes: Any) -> Any:
    return tf.gather(table, classes, axis=1, batch_dims=1)


def _activation(op: Any) -> Any:
    """Walk back from the answer to the soft-max or sigmoid that made it; None if something else did."""
    waiting, seen = deque([op]), {op}
    while waiting:
        op = waiting.popleft()
        if op.type in ("Softmax", "Sigmoid"):
            return op
        if op.type in _PASSING:
            for tensor in op.inputs:
                if tensor.op not in seen:
                    seen.add(tensor.op)
                    waiting.append(tensor.op)
    return None
