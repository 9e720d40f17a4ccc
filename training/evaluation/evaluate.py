"""Measure an exported model on pictures, through the engine that serves it; needs no TensorFlow where LiteRT runs."""

import contextlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from model_server.engines import Engine, choose_engine
from model_server.engines.card import CARD_FILE
from training import data
from training.artefact import serving
from training.data.audit import AUTO, audit
from training.evaluation import metrics

_BATCH = 16
_NEEDED = ("labels", "input")  # what a card must hold before anything can be measured


@dataclass(frozen=True)
class Answers:
    """What a model version says of some pictures.

    Attributes:
        model_dir: the version's directory.
        card: its card.
        engine: "litert" or "saved_model", which gave the answers.
        folder: where the pictures come from.
        split: "train", "validation", "test" or "all".
        examples: the N pictures.
        labels: the K class names.
        images: uint8[N, H, W, 3], as the model is given them.
        probabilities: float32[N, K].
        fitted: what is known of the model having been fitted on them.
    """

    model_dir: Path
    card: dict[str, Any]
    engine: str
    folder: Path
    split: str
    examples: list[data.Example]
    labels: tuple[str, ...]
    images: np.ndarray
    probabilities: np.ndarray
    fitted: "Fitted"

    @property
    def name(self) -> str:
        """Name and version, such as "pizza 1"."""
        return f"{self.card.get('name', self.model_dir.parent.name)} {self.card.get('version', self.model_dir.name)}"

    @cached_property
    def truth(self) -> np.ndarray:
        """int[N], true classes."""
        return np.array([e.label for e in self.examples], int)

    @cached_property
    def predicted(self) -> np.ndarray:
        """int[N], the most probable classes."""
        return self.probabilities.argmax(axis=1)

    @cached_property
    def right(self) -> np.ndarray:
        """bool[N], whether the most probable class is the true one."""
        return np.asarray(self.predicted == self.truth)

    def summary(self) -> dict[str, Any]:
        """Return what `metrics.summary` does, and what is known of the model having been fitted on the pictures."""
        return {**metrics.summary(self.probabilities, self.truth, self.labels), "fitted": self.fitted.to_json()}


@dataclass(frozen=True)
class Fitted:
    """Whether a model was fitted on pictures: those of `pictures` in splits that its card names.

    Attributes:
        splits: the card's `data.fitted_on`.
        pictures: how many of the pictures are in those splits.
        of: how many pictures there are.
        certain: there are such, and they are those that the card's content hash speaks of, not others of those splits.
    """

    splits: tuple[str, ...]
    pictures: int
    of: int
    certain: bool

    @property
    def warning(self) -> str | None:
        """A sentence for people; None if the model was fitted on none of the pictures."""
        if not self.pictures:
            return None
        which = "All" if self.pictures == self.of else f"{self.pictures} of"
        splits = ", ".join(self.splits)
        if self.certain:
            return (
                f"{which} {self.of} pictures were fitted on by this model (splits: {splits}). "
                "These figures show how well it remembers, and are no estimate of what it does on new pictures."
            )
        return (
            f"{which} {self.of} pictures lie in splits that this model was fitted on ({splits}). If they are the "
            "pictures of its training, these figures are no estimate; of pictures that training never saw, they are."
        )

    def to_json(self) -> dict[str, Any]:
        """Write as JSON-ready dictionary."""
        return {"splits": list(self.splits), "pictures": self.pictures, "of": self.of, "certain": self.certain}


def read_card(model_dir: Path) -> dict[str, Any]:
    """Read a model version's card.

    Raises: ValueError if the directory is no model version by contract 1.
    """
    try:
        card: dict[str, Any] = json.loads((model_dir / CARD_FILE).read_text(encoding="utf-8"))
        missing = [name for name in _NEEDED if name not in card]
    except (OSError, ValueError, TypeError) as error:
        raise ValueError(
            f"{model_dir} is no model version: its {CARD_FILE} cannot be read ({error}). Name a directory such as "
            "apps/model-server/models/<name>/<version>."
        ) from error
    if missing:
        raise ValueError(f"{model_dir / CARD_FILE} does not tell {' and '.join(missing)}.")
    return card


def choose(folder: Path, labels: Sequence[str], split: str) -> tuple[list[data.Example], list[data.Example]]:
    """List a folder's pictures: those of a split ("all": every one), and all of them.

    Raises: data.DataError if there are none.
    """
    examples, _ = data.scan(folder, labels)
    chosen = [e for e in examples if split in ("all", e.split)]
    if not chosen:
        held = ", ".join(f"{count} in {name}" for name, count in Counter(e.split for e in examples).items())
        raise data.DataError(f"{folder} has no picture in split {split!r}, but {held}; --split all takes every one.")
    return chosen, examples


def answer(
    model_dir: Path, folder: Path, split: str, engine: str = "auto", labels: Sequence[str] | None = None
) -> Answers:
    """Classify a folder's pictures with an exported model.

    Args:
        model_dir: a model version by contract 1.
        folder: one folder per class, named as the card's labels.
        split: "train", "validation", "test", or "all" for every picture (such as pictures that training never saw).
        engine: "litert", "saved_model", or "auto" as the model server chooses.
        labels: the card's labels in the order that columns are wanted in; the card's if None.
    Raises: data.DataError for pictures that cannot be used; ValueError for a directory that is no model version;
        StatusError (model_server.errors) for a model that does not load.
    """
    card = read_card(model_dir)
    own = tuple(card["labels"])
    labels = tuple(labels or own)
    chosen, everything = choose(folder, labels, split)
    size = card["input"]["height"]
    if card["input"].get("width", size) != size:
        raise ValueError(f"{model_dir} asks for pictures that are not square, which evaluation cannot do.")
    engine = choose_engine(model_dir, engine)
    chosen, images = data.load_readable(chosen, size)
    running = serving.open_engine(model_dir, engine)
    try:
        probabilities = classify(running, images, f"classify with {engine}")
    finally:
        running.close()
    columns = [own.index(label) for label in labels]
    known = card.get("data", {})
    fitted_on, content = tuple(known.get("fitted_on", ())), known.get("content_sha256")
    of_splits = sum(e.split in fitted_on for e in chosen)
    certain = bool(of_splits and content) and _is_of(content, folder, everything, labels)
    fitted = Fitted(fitted_on, of_splits, len(chosen), certain=certain)
    return Answers(model_dir, card, engine, folder, split, chosen, labels, images, probabilities[:, columns], fitted)


def _is_of(content_sha256: str, folder: Path, examples: Sequence[data.Example], labels: Sequence[str]) -> bool:
    """Say whether a content hash is of a folder's pictures: all of them, or those that training would not leave out."""
    if content_sha256 == data.content_hash(examples, labels):
        return True
    with contextlib.suppress(data.DataError):
        return content_sha256 == data.content_hash(audit(folder, labels, drop=AUTO).examples, labels)
    return False


def classify(engine: Engine, images: np.ndarray, what: str) -> np.ndarray:
    """Classify uint8[N, H, W, 3] pictures with a progress bar: float32[N, K] probabilities."""
    with tqdm(total=len(images), desc=what, unit="picture", leave=False, disable=None) as bar:
        parts = []
        for start in range(0, len(images), _BATCH):
            parts.append(serving.classify(engine, images[start : start + _BATCH], _BATCH))
            bar.update(len(parts[-1]))
    return np.concatenate(parts)


def evaluate(model_dir: Path, folder: Path, split: str, engine: str = "auto") -> dict[str, Any]:
    """Return what `Answers.summary` says of a folder's pictures; arguments and errors as of `answer`."""
    return answer(model_dir, folder, split, engine).summary()


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
    column = max(*map(len, classes), 5) + 1
    lines += ["", f"{'true / said':{max(width, 12)}}" + "".join(f"{name:>{column}}" for name in classes)]
    for name, row in zip(classes, result["confusion_matrix"], strict=True):
        lines.append(f"{name:{max(width, 12)}}" + "".join(f"{count:{column}d}" for count in row))
    return "\n".join(lines)
