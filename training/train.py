"""Train an experiment: look at the pictures, estimate how good the recipe is, fit, and keep a record of it all."""

import dataclasses
import json
import time
from pathlib import Path
from typing import Any

import keras

from training import data, provenance
from training.config import Config, ConfigError, check
from training.crossvalidate import crossvalidate
from training.data.audit import audit
from training.evaluation import metrics
from training.fit import WEIGHTS_FILE, build_classifier, fit
from training.pictures import Pictures, predict
from training.tracking import Tracker

__all__ = ["CONFIG_FILE", "RECORD_FILE", "WEIGHTS_FILE", "build_classifier", "train"]
RECORD_FILE, CONFIG_FILE = "run.json", "config.json"


def train(
    config: Config,
    source: Path,
    run: Path,
    cache: Path | None = None,
    *,
    drop: str | None = None,
    mlflow: str | None = None,
) -> dict[str, Any]:
    """Train a classifier and write its weights and record to a run's folder.

    A killed run goes on from its last whole epoch when started again with the same folder.

    Args:
        config: the experiment.
        source: one folder per class, or a CSV; `config.labels` names the classes.
        run: folder for weights, checkpoints and the record; made if it is not there.
        cache: folder for decoded tensors; none if None.
        drop: list of pictures to leave out, or "auto"; as `audit.audit` takes it.
        mlflow: where to report the run to as well; nowhere if None.
    Returns: the record, as written to `run/run.json`.
    Raises: data.DataError for pictures that cannot be trained on; ConfigError; backbones.WeightsError without ImageNet
        weights.
    """
    started, commit = time.monotonic(), provenance.git_commit()
    check(config)
    _claim(run, config)
    audited = audit(source, config.labels, drop=drop, cache=cache)
    print(audited.report())
    pictures = Pictures.of(audited.examples, cache)
    with Tracker.open(mlflow, config) as tracker:
        estimate = crossvalidate(config, pictures, run / "folds") if config.estimate == "cross-validation" else None
        splits = data.SPLITS if estimate else config.fit_splits
        final, history = fit(config, pictures.of_splits(splits), run, pictures.of_splits(["validation"]), tracker)
        temperature, judged = config.temperature or (estimate or {}).get("temperature"), {}
        if estimate is None:
            temperature, judged = _judge(final, config, pictures)
        record = {
            "config": dataclasses.asdict(config),
            "counts": data.counts(audited.examples, config.labels),
            "content_sha256": data.content_hash(audited.examples, config.labels),
            "fitted_on": list(splits),
            "findings": audited.to_json(),
            "git_commit": commit,
            "libraries": provenance.libraries(),
            "minutes": round((time.monotonic() - started) / 60, 1),
            "history": history,
            "temperature": temperature,
            "metrics": judged,
            "estimate": estimate or {"method": "test", **judged["test"]},
        }
        partial = run / f".{RECORD_FILE}.partial"
        partial.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        partial.replace(run / RECORD_FILE)  # a kill leaves a whole record or none
        known = record["estimate"]
        figures = {f"estimate_{name}": known[name] for name in ("ece", "log_loss")}
        figures["estimate_accuracy"] = known["accuracy"]["value"]
        tracker.result(figures, [run / RECORD_FILE])
    return record


def _claim(run: Path, config: Config) -> None:
    """Write the config to a run's folder, or hold it to the one that is there: a run is one experiment."""
    path, text = run / CONFIG_FILE, json.dumps(dataclasses.asdict(config), indent=1) + "\n"
    if path.exists() and (kept := path.read_text(encoding="utf-8")) != text:
        old, new = json.loads(kept), json.loads(text)
        changed = ", ".join(name for name in new if old.get(name) != new[name])
        raise ConfigError(
            f"{run} was begun with another configuration ({changed}). Give --run another folder, or remove this one."
        )
    run.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _judge(model: keras.Model, config: Config, pictures: Pictures) -> tuple[float, dict[str, Any]]:
    """Measure a model on validation and test; the temperature that suits it comes from validation alone."""
    found: dict[str, Any] = {}
    temperature = config.temperature
    for split in data.SPLITS[1:]:
        part = pictures.of_split(split)
        logits = predict(model, part.at(config.size), f"judge on {split}")
        if temperature is None:
            temperature = metrics.fit_temperature(logits, part.labels)
        found[split] = metrics.summary(metrics.softmax(logits / temperature), part.labels, config.labels)
    return temperature or 1.0, found
