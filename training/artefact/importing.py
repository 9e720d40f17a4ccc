"""Make a version by contract 1 of a model that was made elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from gateway.goldens import difference
from training import data, provenance
from training.artefact import parity, serving, writer
from training.artefact.foreign import Foreign, ForeignError, load
from training.artefact.proof import answer, classifier, prove
from training.artefact.writer import Subject
from training.data import audit
from training.evaluation import metrics

_AGREE_PICTURES = 32
_UNKNOWN = (
    "Made elsewhere: which pictures it was fitted on is unknown. Where they are among those that it was judged on, the "
    "figures say too much."
)


@dataclass(frozen=True)
class Declared:
    """What somebody says of a model.

    Args:
        name, version: where it goes.
        labels: class names in the order of its outputs; for one output, the two classes in any order; the data's
            folders, sorted, if None.
        scaling: a key of `SCALINGS`.
        size: input height and width, pixels; the model's own if None.
        positive: for a model of one output, the label that it speaks for.
        task, source: sentences for the card.
    """

    name: str
    version: int
    labels: Sequence[str] | None
    scaling: str
    size: int | None = None
    positive: str | None = None
    task: str = ""
    source: str = ""


def import_model(
    path: Path,
    declared: Declared,
    source: Path,
    models: Path,
    *,
    trust: bool = False,
    replace: bool = False,
    any_size: bool = False,
    drop: str | None = None,
    cache: Path | None = None,
) -> tuple[Path, dict[str, Any]]:
    """Write a foreign model as `models/<name>/<version>`.

    Args:
        path: `.keras`, `.h5`, or the directory of a SavedModel.
        declared: what is said of it.
        source: pictures that prove it: one folder per class, or a CSV.
        models: folder of models.
        trust: load it although it holds code.
        replace: as `writer.new_version`.
        any_size: as `writer.new_version`.
        drop: pictures to leave out, as `audit.audit` takes it.
        cache: folder for decoded tensors; none if None.
    Returns: the version's directory, and its figures on the pictures.
    Raises: ForeignError (cannot be loaded), ImportRefused (answers speak against what was declared), ExportError
        (labels, sizes, version taken), DataError (pictures), ParityError (an engine disagrees).
    """
    model = load(path, trust=trust)
    size = _size(path, model, declared.size)
    audited = audit.audit(source, declared.labels, drop=drop, cache=cache)
    subject = Subject(declared.name, declared.version, audited.labels, size)
    writer.check_labels(subject.labels, max(2, model.outputs))
    writer.check_target(models, subject, replace=replace, any_size=any_size)
    if model.outputs == 1 and declared.positive not in subject.labels:
        raise ForeignError(f"{path} answers one number: --positive says for which of {', '.join(subject.labels)}.")
    images = data.load(audited.examples, size, cache)
    truth = np.array([e.label for e in audited.examples])
    proof = prove(model, declared.scaling, images, truth, labels=subject.labels, positive=declared.positive)
    classify = classifier(model, declared.scaling, subject.labels, declared.positive, squash=proof.squash)
    probabilities = answer(classify, images, "judge")
    result = metrics.summary(probabilities, truth, subject.labels)
    card = _card(subject, audited, result) | {
        "task": declared.task or f"Say which of {len(subject.labels)} classes a picture shows.",
        "backbone": f"imported ({model.description})",
        "training": {"scaling": declared.scaling, "accuracy_by_scaling": dict(proof.accuracies)},
    }
    card["data"]["source"] = declared.source or "unknown"
    half, sample = True, slice(0, None, -(-len(images) // _AGREE_PICTURES))
    with writer.new_version(models, subject, replace=replace, any_size=any_size) as directory:
        writer.write_version(classify, subject, card, directory, keep=model.keep)
        if not _agrees(directory, images[sample], probabilities[sample]):
            # Its weights are its author's and stay as they are, so rounding them may show: then they are not rounded.
            half = False
            (directory / "model.tflite").write_bytes(writer.convert(directory, half=half))
        _verify(directory, images[sample], probabilities[sample])
    version = models / subject.name / str(subject.version)
    return version, {**result, "scalings": dict(proof.accuracies), "float16": half}


def _size(path: Path, model: Foreign, wanted: int | None) -> int:
    height, width = model.height, model.width
    if height != width:
        raise ForeignError(f"{path} takes {height} x {width} pixels; only square pictures can be imported.")
    if height is None and wanted is None:
        raise ForeignError(f"{path} takes pictures of any size: say with --size at which it was trained.")
    if height is not None and wanted not in {None, height}:
        raise ForeignError(f"{path} takes {height} x {height} pixels, not --size {wanted}.")
    return int(height or wanted or 0)


def _agrees(directory: Path, images: np.ndarray, expected: np.ndarray) -> bool:
    differences = {**parity.check(directory), "sample": _difference(directory, "litert", images, expected)}
    return all(value <= parity.TOLERANCE.get(name, parity.TOLERANCE["litert"]) for name, value in differences.items())


def _verify(directory: Path, images: np.ndarray, expected: np.ndarray) -> None:
    """Hold both engines to the answers on real pictures too; `new_version` then holds them to the goldens."""
    for engine in serving.ENGINES:
        value = _difference(directory, engine, images, expected)
        if not value <= parity.TOLERANCE[engine]:
            raise parity.ParityError(
                f"{engine} differs by {value:.2g} from the model itself on your pictures; at most "
                f"{parity.TOLERANCE[engine]:g} is allowed."
            )


def _difference(directory: Path, engine: str, images: np.ndarray, expected: np.ndarray) -> float:
    running = serving.open_engine(directory, engine)
    try:
        return difference(serving.classify(running, images), expected)
    finally:
        running.close()


def _card(subject: Subject, audited: audit.Audit, result: dict[str, Any]) -> dict[str, Any]:
    """Write the part of the card that pictures and this program know; see `training.artefact.export.make_card`."""
    return {
        "schema": 1,
        "name": subject.name,
        "version": subject.version,
        "labels": list(subject.labels),
        "input": {"height": subject.size, "width": subject.size, "channels": 3, "dtype": "uint8"},
        "data": {
            "name": audited.source.name,
            "counts": data.counts(audited.examples, subject.labels),
            "content_sha256": data.content_hash(audited.examples, subject.labels),
            "fitted_on": [],
        },
        "git_commit": provenance.git_commit(),
        "metrics": {"split": "all", "accuracy": result["accuracy"], "log_loss": result["log_loss"]},
        "per_class": result["per_class"],
        "confusion_matrix": result["confusion_matrix"],
        "calibration": {"temperature": 1.0, "ece": result["ece"]},
        "libraries": provenance.libraries(),
        "intended_use": "What its author made it for.",
        "limits": [_UNKNOWN, "Answers one of its classes for any picture."],
        "created": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
