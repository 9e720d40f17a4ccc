"""The skew gate: an exported model must say of the golden pictures what training code said of them.

Seeds of this project trained on x / 255 and served x / 127.5 - 1. Nothing failed and every answer was wrong; this is
what turns red instead.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gateway.pictures import to_tensor
from training.artefact import serving

GOLDEN_FILE = "golden.json"
TOLERANCE: Mapping[str, float] = {"saved_model": 1e-3, "litert": 1e-2}


class ParityError(ValueError):
    """An exported model and the training code that made it do not agree, or the goldens are not what was recorded."""


def read_golden(model_dir: Path) -> tuple[list[bytes], np.ndarray]:
    """Read a model version's golden pictures.

    Returns: the picture files, and float64[N, K] probabilities that training code computed of them.
    Raises: ParityError if the record or a picture is missing, or a picture is another one than was recorded.
    """
    try:
        golden: dict[str, Any] = json.loads((model_dir / GOLDEN_FILE).read_text(encoding="utf-8"))
        files = [(model_dir / picture["file"]).read_bytes() for picture in golden["pictures"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ParityError(f"{model_dir / GOLDEN_FILE} cannot be read: {error!r}") from error
    for picture, file in zip(golden["pictures"], files, strict=True):
        if hashlib.sha256(file).hexdigest() != picture["sha256"]:
            raise ParityError(f"{model_dir / picture['file']} is not the picture that {GOLDEN_FILE} was made with.")
    if not files:
        raise ParityError(f"{model_dir / GOLDEN_FILE} names no picture.")
    return files, np.array([picture["probabilities"] for picture in golden["pictures"]])


def check(model_dir: Path) -> dict[str, float]:
    """Compare a model version with its goldens in each engine.

    Returns: engine ("saved_model", "litert") -> largest |difference| of a probability; infinite where the answer has
        another shape or is no number.
    Raises: ParityError for unreadable goldens; StatusError (model_server.errors) for a version that does not load.
    """
    files, expected = read_golden(model_dir)
    differences = {}
    for name in serving.ENGINES:
        engine = serving.open_engine(model_dir, name)
        try:
            height, width = (d.size for d in engine.signatures[serving.SIGNATURE].inputs["image"].tensor_shape.dim[1:3])
            images = np.stack([to_tensor(file, height, width) for file in files])
            differences[name] = difference(serving.classify(engine, images), expected)
        finally:
            engine.close()
    return differences


def difference(actual: np.ndarray, expected: np.ndarray) -> float:
    """Return max |actual - expected|; infinity for another shape or anything that is not a finite number."""
    if actual.shape != expected.shape or not np.isfinite(actual).all():
        return float("inf")
    return float(np.abs(actual - expected).max())


def verify(model_dir: Path) -> dict[str, float]:
    """Run `check` and raise ParityError, naming engine and difference, where a tolerance is exceeded."""
    differences = check(model_dir)
    for name, value in differences.items():
        if not value <= TOLERANCE[name]:
            raise ParityError(
                f"{model_dir}: {name} differs by {value:.2g} from training code on the golden pictures; "
                f"at most {TOLERANCE[name]:g} is allowed. Look at scaling, channel order and soft-max of the export."
            )
    return differences
