"""Write a trained run as a model version by contract 1, and refuse what does not answer as training code does."""

import hashlib
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gateway.pictures import to_tensor
from serving_api import serving_pb2 as pb
from serving_api.tensors import to_tensor_proto
from serving_api.tfrecord import write_records
from training import drawings, metrics, parity, serving
from training.config import Config
from training.rounding import fold_temperature, round_to_float16
from training.train import RECORD_FILE, WEIGHTS_FILE, build_classifier

MAX_FILE_BYTES = 20_000_000


class ExportError(ValueError):
    """The run cannot become a model version; the message says why."""


def export(run: Path, models: Path, *, replace: bool = False) -> Path:
    """Export a run to `models/<name>/<version>`.

    Args:
        run: folder that `training.train.train` wrote.
        models: folder of models, such as apps/model-server/models.
        replace: overwrite a version that is already there.
    Returns: the version's directory; it appears at once and whole, or not at all.
    Raises: ExportError (no such run, version taken, file too large); ParityError if an engine disagrees.
    """
    record, config, model = load_run(run)
    target = models / config.name / str(config.version)
    if target.exists() and not replace:
        raise ExportError(f"{target} exists. A version never changes: raise `version` in the config, or --replace it.")
    # Not an integer, so no model server takes it for a version.
    partial = target.with_name(f".{config.version}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        write_version(model, config, make_card(record, config), partial)
        parity.verify(partial)
        _check_sizes(partial)
        if target.exists():
            shutil.rmtree(target)
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target


def load_run(run: Path) -> tuple[dict[str, Any], Config, keras.Model]:
    """Read a run's folder: its record, its config, and the classifier as exported (image -> calibrated logits)."""
    try:
        record = json.loads((run / RECORD_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ExportError(f"{run} holds no finished run: {error}") from error
    config = Config(**record["config"])
    model = build_classifier(config, config.size, None)
    model.load_weights(run / WEIGHTS_FILE)
    fold_temperature(model, record["temperature"])
    round_to_float16(model)
    return record, config, model


def write_version(model: keras.Model, config: Config, card: dict[str, Any], directory: Path) -> None:
    """Write every file of contract 1 to a directory; nothing is checked here.

    Args:
        model: image float32[N, H, W, 3] in 0..255 -> calibrated logits float32[N, K].
        config: the experiment; size and labels are read.
        card: the model card; goes to card.json and into the graph.
        directory: an empty directory.
    """
    text = json.dumps(card, indent=1, ensure_ascii=False) + "\n"
    (directory / "card.json").write_text(text, encoding="utf-8")
    write_saved_model(model, config, text, directory)
    (directory / "model.tflite").write_bytes(convert(directory))
    _write_golden(model, config, directory)
    _write_warmup(config, directory)


def write_saved_model(model: keras.Model, config: Config, card: str, directory: Path) -> None:
    """Write the SavedModel with its signatures `serving_default` and `describe`."""
    labels = json.dumps(list(config.labels), ensure_ascii=False)

    def classify(image: tf.Tensor) -> dict[str, tf.Tensor]:
        logits = model(tf.cast(image, tf.float32), training=False)
        return {serving.PROBABILITIES: tf.nn.softmax(logits)}

    def describe(key: tf.Tensor) -> dict[str, tf.Tensor]:
        # Constants, no hash table: one anywhere in a SavedModel breaks the LiteRT converter.
        return {"value": tf.where(key == "labels", labels, tf.where(key == "card", card, ""))}

    # No archive.track(model): add_endpoint finds the variables, and tracking would store each of them twice.
    archive = keras.export.ExportArchive()
    shape = (None, config.size, config.size, 3)
    archive.add_endpoint(serving.SIGNATURE, classify, [tf.TensorSpec(shape, tf.uint8, name=serving.IMAGE)])
    archive.add_endpoint("describe", describe, [tf.TensorSpec((None,), tf.string, name="key")])
    archive.write_out(str(directory), verbose=False)


def convert(directory: Path) -> bytes:
    """Convert a SavedModel's `serving_default` to LiteRT with float16 weights."""
    converter = tf.lite.TFLiteConverter.from_saved_model(str(directory), signature_keys=[serving.SIGNATURE])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    return bytes(converter.convert())


def make_card(record: dict[str, Any], config: Config) -> dict[str, Any]:
    """Write the model card: what the model is for, what it was made of, and how good it is on which pictures."""
    estimate = record["estimate"]
    return {
        "schema": 1,
        "name": config.name,
        "version": config.version,
        "task": config.task,
        "labels": list(config.labels),
        "input": {"height": config.size, "width": config.size, "channels": 3, "dtype": "uint8"},
        "backbone": config.backbone,
        "data": {
            "name": config.data_name,
            "source": config.source,
            "counts": record["counts"],
            "content_sha256": record["content_sha256"],
            "fitted_on": record["fitted_on"],
        },
        "git_commit": record["git_commit"],
        "seed": config.seed,
        "training": {"minutes": record["minutes"], "epochs": config.epochs, "teachers": list(config.teachers)},
        # What `split` names: the test split, or every picture, each judged by a model that was fitted without it.
        "metrics": {"split": estimate["method"], "accuracy": estimate["accuracy"], "log_loss": estimate["log_loss"]},
        "per_class": estimate["per_class"],
        "confusion_matrix": estimate["confusion_matrix"],
        "calibration": {"temperature": record["temperature"], "ece": estimate["ece"]},
        "libraries": record["libraries"],
        "intended_use": config.intended_use,
        "limits": list(config.limits),
        "created": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _write_golden(model: keras.Model, config: Config, directory: Path) -> None:
    pictures = drawings.goldens()
    (directory / "golden").mkdir()
    images = np.stack([to_tensor(png, config.size, config.size) for png in pictures.values()])
    probabilities = metrics.softmax(np.asarray(model(images.astype(np.float32), training=False)))
    entries = []
    for (name, png), row in zip(pictures.items(), probabilities, strict=True):
        file = f"golden/{name}.png"
        (directory / file).write_bytes(png)
        entries.append(
            {
                "file": file,
                "sha256": hashlib.sha256(png).hexdigest(),
                "probabilities": [round(float(p), 6) for p in row],
            }
        )
    golden = {
        "schema": 1,
        "model": config.name,
        "version": config.version,
        "labels": list(config.labels),
        "tolerance": parity.TOLERANCE["litert"],
        "pictures": entries,
    }
    (directory / parity.GOLDEN_FILE).write_text(json.dumps(golden, indent=1) + "\n")


def _write_warmup(config: Config, directory: Path) -> None:
    """Record one real request: TensorFlow Serving replays it before the version is called available."""
    image = to_tensor(next(iter(drawings.goldens().values())), config.size, config.size)[np.newaxis]
    request = pb.PredictRequest(
        model_spec=pb.ModelSpec(name=config.name, signature_name=serving.SIGNATURE),
        inputs={serving.IMAGE: to_tensor_proto(image)},
    )
    log = pb.PredictionLog(predict_log=pb.PredictLog(request=request))
    (directory / "assets.extra").mkdir(exist_ok=True)
    write_records(directory / "assets.extra" / "tf_serving_warmup_requests", [log.SerializeToString()])


def _check_sizes(directory: Path) -> None:
    for path in directory.rglob("*"):
        if path.is_file() and path.stat().st_size > MAX_FILE_BYTES:
            raise ExportError(f"{path.name} has {path.stat().st_size} bytes; at most {MAX_FILE_BYTES} go into Git.")
