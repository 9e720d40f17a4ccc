"""Export small models by contract 1 with TensorFlow, and compute what they must answer.

`small`: uint8[N, 8, 8, 3] -> probabilities of three labels, and `describe`; SavedModel, model.tflite, card, warm-up.
`pair`: two inputs and two outputs, one of them binary strings; SavedModel only, since strings do not convert.
"""

import json
import os
from pathlib import Path

import numpy as np

from serving_api import serving_pb2 as pb
from serving_api.tensors import to_tensor_proto
from serving_api.tfrecord import write_records

LABELS = ["cat", "dog", "bird"]
SHAPE = (8, 8, 3)
CARD = json.dumps({"schema": 1, "name": "small", "labels": LABELS}, indent=1)


def pictures(count: int, seed: int = 0) -> np.ndarray:
    """Draw uint8[count, 8, 8, 3]."""
    return np.random.default_rng(seed).integers(0, 256, (count, *SHAPE), dtype=np.uint8)


def weights(version: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw the kernel float32[192, 3] and bias float32[3] of a version, so that each version answers otherwise."""
    rng = np.random.default_rng(version)
    return rng.normal(0, 0.2, (192, 3)).astype(np.float32), rng.normal(0, 0.2, 3).astype(np.float32)


def expected(images: np.ndarray, version: int) -> np.ndarray:
    """Compute the probabilities in plain NumPy: an oracle that shares no code with either engine."""
    kernel, bias = weights(version)
    logits = (images.reshape(len(images), 192) / 127.5 - 1) @ kernel + bias
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def export_small(version_dir: Path, version: int) -> None:
    """Write a version of `small` with all the files of contract 1 that a server reads."""
    tf, keras = _tensorflow()
    image = keras.Input(SHAPE, dtype="uint8", name="image")
    hidden = keras.layers.Flatten()(keras.layers.Rescaling(1 / 127.5, offset=-1)(image))
    model = keras.Model(image, keras.layers.Dense(len(LABELS), activation="softmax", name="head")(hidden))
    model.get_layer("head").set_weights(list(weights(version)))
    labels, card = tf.constant(json.dumps(LABELS)), tf.constant(CARD)

    def describe(key):
        return {"value": tf.where(key == "labels", labels, tf.where(key == "card", card, tf.constant("")))}

    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint(
        "serving_default",
        lambda image: {"probabilities": model(image, training=False)},
        input_signature=[tf.TensorSpec((None, *SHAPE), tf.uint8, name="image")],
    )
    archive.add_endpoint("describe", describe, input_signature=[tf.TensorSpec((None,), tf.string, name="key")])
    archive.write_out(str(version_dir), verbose=False)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(version_dir), signature_keys=["serving_default"])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    (version_dir / "model.tflite").write_bytes(converter.convert())
    (version_dir / "card.json").write_text(CARD, encoding="utf-8")
    request = pb.PredictRequest(
        model_spec=pb.ModelSpec(name="small"), inputs={"image": to_tensor_proto(pictures(1, seed=9))}
    )
    extra = version_dir / "assets.extra"
    extra.mkdir()
    log = pb.PredictionLog(predict_log=pb.PredictLog(request=request))
    write_records(extra / "tf_serving_warmup_requests", [log.SerializeToString()])


def export_pair(version_dir: Path) -> None:
    """Write `pair`: (x float32[N, 2], tag string[N]) -> (sum float32[N], tag_bytes string[N])."""
    tf, _ = _tensorflow()

    class Pair(tf.Module):
        @tf.function(
            input_signature=[
                tf.TensorSpec((None, 2), tf.float32, name="x"),
                tf.TensorSpec((None,), tf.string, name="tag"),
            ]
        )
        def serve(self, x, tag):
            return {"sum": tf.reduce_sum(x, axis=1), "tag_bytes": tf.strings.join([tag, tag])}

    module = Pair()
    tf.saved_model.save(module, str(version_dir), signatures={"serving_default": module.serve})


def _tensorflow():
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras
    import tensorflow as tf

    return tf, keras
