"""Small model versions by contract 1, made with TensorFlow alone: a card and a SavedModel, no model.tflite."""

import json
from pathlib import Path

import numpy as np

from training.artefact.drawings import write_folder

LABELS = ("pizza", "salad")
SIZE = 32


def write_data(folder: Path, labels: tuple[str, ...] = LABELS, count: int = 30) -> Path:
    """Draw pictures of each label."""
    write_folder(folder, labels, count, 48)
    return folder


def write_card(version_dir: Path, labels: tuple[str, ...] = LABELS, **fields: object) -> Path:
    """Write a card with what a reader needs, and other fields as given."""
    version_dir.mkdir(parents=True, exist_ok=True)
    card = {
        "schema": 1,
        "name": version_dir.parent.name,
        "version": int(version_dir.name),
        "labels": list(labels),
        "input": {"height": SIZE, "width": SIZE, "channels": 3, "dtype": "uint8"},
        **fields,
    }
    (version_dir / "card.json").write_text(json.dumps(card))
    return version_dir


def write_version(version_dir: Path, green: float = 1.0, labels: tuple[str, ...] = LABELS, **fields: object) -> Path:
    """Write a version that calls green pictures salad and red ones pizza; further labels look for further colours.

    It is a convolution, a ReLU, a mean and soft-max: all that Grad-CAM asks for. Of the drawn pictures it answers all
    rightly with `green` 1 and hardly more than half with 1.6, which makes everything greener than it is.
    """
    import tensorflow as tf

    colours = np.random.default_rng(1).normal(0, 1, (3, len(labels)))
    colours[:, :2] = [[1.0, -1.0], [-1.0, 1.0], [0.0, 0.0]]
    module = tf.Module()
    module.kernel = tf.Variable(colours.astype(np.float32).reshape(1, 1, 3, -1) / 20)

    @tf.function(input_signature=[tf.TensorSpec((None, SIZE, SIZE, 3), tf.uint8, name="image")])
    def classify(image):
        seen = tf.cast(image, tf.float32) * tf.constant([1.0, green, 1.0])
        features = tf.nn.relu(tf.nn.conv2d(seen, module.kernel, 4, "SAME"))
        return {"probabilities": tf.nn.softmax(tf.reduce_mean(features, (1, 2)))}

    module.classify = classify
    tf.saved_model.save(module, str(version_dir), signatures={"serving_default": classify})
    return write_card(version_dir, labels, **fields)
