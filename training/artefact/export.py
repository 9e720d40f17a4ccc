"""Turn a trained run into a model version by contract 1, and refuse what does not answer as training code does."""

import dataclasses
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from training.artefact import writer
from training.artefact.rounding import fold_temperature, round_to_float16
from training.artefact.writer import MAX_FILE_BYTES, ExportError, Subject
from training.config import Config
from training.train import RECORD_FILE, WEIGHTS_FILE, build_classifier

__all__ = ["MAX_FILE_BYTES", "ExportError", "export", "load_run", "make_card"]


def export(
    run: Path, models: Path, *, version: int | None = None, replace: bool = False, any_size: bool = False
) -> Path:
    """Export a run to `models/<name>/<version>`.

    Args:
        run: folder that `training.train.train` wrote.
        models: folder of models, such as apps/model-server/models.
        version: what it becomes; what the experiment says if None.
        replace: overwrite a version that is already there.
        any_size: allow files too large for Git, outside of this repository's own folder of models.
    Returns: the version's directory; it appears at once and whole, or not at all.
    Raises: ExportError (no such run, version taken, labels that will not do, file too large); ParityError if an engine
        disagrees.
    """
    record, config, model = load_run(run)
    if version is not None:
        config = dataclasses.replace(config, version=version)
    subject = Subject(config.name, config.version, config.labels, config.size)
    writer.check_labels(subject.labels, model.output.shape[-1])
    with writer.new_version(models, subject, replace=replace, any_size=any_size) as directory:
        writer.write_version(classifier(model), subject, make_card(record, config), directory)
    return models / subject.name / str(subject.version)


def classifier(model: keras.Model) -> writer.Classify:
    """Put the soft-max behind a model of calibrated logits."""
    return lambda image: tf.nn.softmax(model(image, training=False))


def load_run(run: Path) -> tuple[dict[str, Any], Config, keras.Model]:
    """Read a run's folder: its record, its config, and the classifier as exported (image -> calibrated logits).

    Raises: ExportError for a folder without a finished run, or with one of another version of this program.
    """
    try:
        record = json.loads((run / RECORD_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ExportError(f"{run} holds no finished run: {error}") from error
    try:
        config = Config(**record["config"])
        temperature = float(record["temperature"])
        model = build_classifier(config, config.size, None)
        model.load_weights(run / WEIGHTS_FILE)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ExportError(f"{run} is a run of another version of this program, train it again: {error!r}") from error
    fold_temperature(model, temperature)
    round_to_float16(model)
    return record, config, model


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
