"""Write a model version's files by contract 1, from anything that turns pixels into probabilities."""

import contextlib
import hashlib
import json
import os
import re
import shutil
import sys
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from gateway.goldens import GOLDEN_FILE
from gateway.pictures import to_tensor
from serving_api import serving_pb2 as pb
from serving_api.tensors import to_tensor_proto
from serving_api.tfrecord import write_records
from tools.models import NAME, update_list
from training.artefact import drawings, parity, serving

Classify = Callable[[tf.Tensor], tf.Tensor]  # float32[N, S, S, 3] in 0..255 -> float32[N, K] probabilities
MAX_FILE_BYTES, MAX_TOTAL_BYTES = 20_000_000, 90_000_000
BUNDLED = Path(__file__).parents[2] / "apps" / "model-server" / "models"


class ExportError(ValueError):
    """This cannot become a model version; the message says why, and what to do."""


@dataclass(frozen=True)
class Subject:
    """What a version is called and what it answers.

    Args:
        name, version: its place, `<models>/<name>/<version>`.
        labels: class names in the order of the probabilities.
        size: input height and width, pixels.
    """

    name: str
    version: int
    labels: Sequence[str]
    size: int


def check_labels(labels: Sequence[str], classes: int) -> None:
    """Refuse labels that a client could not tell apart or print; raise ExportError, naming the label.

    Args:
        labels: class names.
        classes: how many the model answers.
    """
    if len(labels) != classes:
        raise ExportError(f"There are {len(labels)} labels ({', '.join(labels)}), but the model answers {classes}.")
    if classes < 2:  # noqa: PLR2004 - one class is no classifier
        raise ExportError("A classifier has two labels or more.")
    seen: dict[str, str] = {}
    for label in labels:
        if not label.strip() or label != label.strip():
            raise ExportError(f"The label {label!r} is empty or begins or ends with a space.")
        if any(unicodedata.category(character) in {"Cc", "Cf", "Zl", "Zp", "Cs"} for character in label):
            raise ExportError(f"The label {label!r} holds a control character.")
        key = unicodedata.normalize("NFKC", label).casefold()
        if key in seen:
            raise ExportError(f"The labels {seen[key]!r} and {label!r} are the same name.")
        seen[key] = label


def check_target(models: Path, subject: Subject, *, replace: bool, any_size: bool) -> Path:
    """Return where a version would lie; raise ExportError if it may not. See `new_version`."""
    if not re.fullmatch(NAME, subject.name) or subject.version < 1:
        raise ExportError(
            f"{subject.name!r} version {subject.version}: a name takes a-z, 0-9 and -, first a letter, last no -; "
            "a version is 1 or more."
        )
    if any_size and _is_bundled(models):
        raise ExportError(f"--any-size is for models outside of Git: name another folder than {models} with --models.")
    target = models / subject.name / str(subject.version)
    if target.exists() and not replace:
        raise ExportError(f"{target} exists. A version never changes: raise the version, or --replace it.")
    return target


def _is_bundled(models: Path) -> bool:
    return models.resolve().is_relative_to(BUNDLED)


@contextlib.contextmanager
def new_version(models: Path, subject: Subject, *, replace: bool, any_size: bool) -> Iterator[Path]:
    """Give an empty directory that becomes `models/<name>/<version>` at the end, whole and proved, or not at all.

    Args:
        models: folder of models.
        subject: names the version.
        replace: overwrite a version that is already there.
        any_size: allow files too large for Git; refused in this repository's own folder of models.
    Raises: ExportError (version taken, files too large); ParityError if an engine disagrees with the goldens.
    """
    target = check_target(models, subject, replace=replace, any_size=any_size)
    # Not an integer, so no model server takes it for a version; its process in the name, so two exports never mix.
    partial = target.with_name(f".{subject.version}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        if not any_size:
            _check_sizes(partial, target, models if _is_bundled(models) else None)
        parity.verify(partial)
        if target.exists():
            shutil.rmtree(target)
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        with contextlib.suppress(OSError):
            target.parent.rmdir()  # a folder of a model without a version, which only a failure leaves


def write_version(
    classify: Classify, subject: Subject, card: dict[str, Any], directory: Path, *, keep: Any = None
) -> None:
    """Write every file of contract 1 to a directory; nothing is checked here.

    Args:
        classify: the whole model.
        subject: what it is called and answers.
        card: the model card; goes to card.json and into the graph.
        directory: an empty directory.
        keep: holds the variables, where they come from a SavedModel.
    """
    text = json.dumps(card, indent=1, ensure_ascii=False) + "\n"
    (directory / "card.json").write_text(text, encoding="utf-8")
    write_saved_model(classify, subject, text, directory, keep=keep)
    (directory / "model.tflite").write_bytes(convert(directory))
    pictures = drawings.goldens(subject.name, subject.size)
    _write_golden(classify, subject, pictures, directory)
    _write_warmup(subject, next(iter(pictures.values())), directory)


def write_saved_model(classify: Classify, subject: Subject, card: str, directory: Path, *, keep: Any = None) -> None:
    """Write the SavedModel with its signatures `serving_default` and `describe`."""
    labels = json.dumps(list(subject.labels), ensure_ascii=False)

    def serve(image: tf.Tensor) -> dict[str, tf.Tensor]:
        return {serving.PROBABILITIES: classify(tf.cast(image, tf.float32))}

    def describe(key: tf.Tensor) -> dict[str, tf.Tensor]:
        # Constants, no hash table: one anywhere in a SavedModel breaks the LiteRT converter.
        return {"value": tf.where(key == "labels", labels, tf.where(key == "card", card, ""))}

    # No archive.track(model): add_endpoint finds the variables, and tracking would store each of them twice.
    archive = keras.export.ExportArchive()
    if keep is not None:
        archive.track(keep)
    shape = (None, subject.size, subject.size, 3)
    archive.add_endpoint(serving.SIGNATURE, serve, [tf.TensorSpec(shape, tf.uint8, name=serving.IMAGE)])
    archive.add_endpoint("describe", describe, [tf.TensorSpec((None,), tf.string, name="key")])
    archive.write_out(str(directory), verbose=False)


def convert(directory: Path, *, half: bool = True) -> bytes:
    """Convert a SavedModel's `serving_default` to LiteRT; raise ExportError where it has an operation without a twin.

    Args:
        directory: the SavedModel.
        half: keep weights as float16, else as float32.
    """
    converter = tf.lite.TFLiteConverter.from_saved_model(str(directory), signature_keys=[serving.SIGNATURE])
    if half:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    try:
        return bytes(converter.convert())
    except Exception as error:  # the converter raises its own classes and bare ones alike
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise ExportError(f"The model cannot be converted to LiteRT: {reason[0]}") from error


def update_list_beside(models: Path) -> None:
    """Name every model of a folder in the list that the model server's images read, if one lies beside the folder."""
    path = models.with_name("models.config")
    if path.exists():
        update_list(path)


def _write_golden(classify: Classify, subject: Subject, pictures: dict[str, bytes], directory: Path) -> None:
    (directory / "golden").mkdir()
    images = np.stack([to_tensor(png, subject.size, subject.size) for png in pictures.values()])
    probabilities = np.asarray(classify(tf.constant(images, tf.float32)))
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
        "model": subject.name,
        "version": subject.version,
        "labels": list(subject.labels),
        "tolerance": parity.TOLERANCE["litert"],
        "pictures": entries,
    }
    (directory / GOLDEN_FILE).write_text(json.dumps(golden, indent=1, ensure_ascii=False) + "\n", "utf-8")


def _write_warmup(subject: Subject, picture: bytes, directory: Path) -> None:
    """Record one real request: TensorFlow Serving replays it before the version is called available."""
    image = to_tensor(picture, subject.size, subject.size)[np.newaxis]
    request = pb.PredictRequest(
        model_spec=pb.ModelSpec(name=subject.name, signature_name=serving.SIGNATURE),
        inputs={serving.IMAGE: to_tensor_proto(image)},
    )
    log = pb.PredictionLog(predict_log=pb.PredictLog(request=request))
    (directory / "assets.extra").mkdir(exist_ok=True)
    write_records(directory / "assets.extra" / "tf_serving_warmup_requests", [log.SerializeToString()])


def _check_sizes(directory: Path, target: Path, committed: Path | None) -> None:
    """Refuse a file over 20 MB, which does not go into Git; warn over 90 MB with all models that are `committed`."""
    sizes = {path: path.stat().st_size for path in directory.rglob("*") if path.is_file()}
    largest = max(sizes, key=lambda path: sizes[path])
    if sizes[largest] > MAX_FILE_BYTES:
        raise ExportError(
            f"{largest.relative_to(directory)} has {sizes[largest] / 1e6:.1f} MB; at most {MAX_FILE_BYTES // 10**6} MB "
            "go into Git. Train a smaller backbone, or write the version elsewhere (--models /tmp/models --any-size) "
            "and deliver it as an OCI image by its digest."
        )
    if committed is None:
        return
    # A version that is replaced does not count, nor do unfinished ones.
    others = (
        p for p in committed.rglob("*") if p.is_file() and not p.is_relative_to(target) and ".partial" not in str(p)
    )
    total = sum(sizes.values()) + sum(path.stat().st_size for path in others)
    if total > MAX_TOTAL_BYTES:
        # What a repository of one's own may hold is one's own decision; tests hold this one to it.
        print(
            f"mind: all models together have {total / 1e6:.1f} MB now; over {MAX_TOTAL_BYTES // 10**6} MB clones get "
            "slow. Remove an old version (git rm -r), or deliver one as an OCI image by its digest.",
            file=sys.stderr,
        )
