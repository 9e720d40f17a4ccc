"""Measure an exported model on a folder of pictures, through the engine that serves it."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from training import data, metrics, serving


def evaluate(model_dir: Path, folder: Path, split: str, engine: str) -> dict[str, Any]:
    """Classify a folder's pictures with an exported model.

    Args:
        model_dir: a model version by contract 1.
        folder: one folder per class, named as the card's labels.
        split: "train", "validation", "test", or "all" for every picture (such as pictures that training never saw).
        engine: "litert" or "saved_model".
    Returns: what `metrics.summary` returns.
    Raises: data.DataError for pictures that cannot be used; StatusError for a model that does not load.
    """
    card = json.loads((model_dir / "card.json").read_text(encoding="utf-8"))
    examples, labels = data.scan(folder, card["labels"])
    chosen = [e for e in examples if split in ("all", e.split)]
    if not chosen:
        raise data.DataError(f"{folder} has no picture in split {split!r}.")
    images = data.load(chosen, card["input"]["height"])
    running = serving.open_engine(model_dir, engine)
    try:
        probabilities = serving.classify(running, images)
    finally:
        running.close()
    return metrics.summary(probabilities, np.array([e.label for e in chosen]), labels)


def table(result: dict[str, Any]) -> str:
    """Write a summary as text for the terminal."""
    accuracy, classes = result["accuracy"], list(result["per_class"])
    width = max(map(len, classes)) + 2
    lines = [
        "accuracy {value:.4f}, 95 % interval {low:.4f} to {high:.4f}, {n} pictures".format(**accuracy),
        f"expected calibration error {result['ece']:.4f}, log loss {result['log_loss']:.4f}",
        "",
        f"{'class':{width}} precision  recall      f1  pictures",
    ]
    for name, figures in result["per_class"].items():
        lines.append(
            f"{name:{width}} {figures['precision']:9.4f} {figures['recall']:7.4f} {figures['f1']:7.4f} "
            f"{figures['pictures']:9d}"
        )
    lines += ["", f"{'true / said':{width}}" + "".join(f" {name:>{width}}" for name in classes)]
    for name, row in zip(classes, result["confusion_matrix"], strict=True):
        lines.append(f"{name:{width}}" + "".join(f" {count:{width}d}" for count in row))
    return "\n".join(lines)
