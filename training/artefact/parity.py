"""The skew gate: an exported model must say of the golden pictures what training code said of them.

Seeds of this project trained on x / 255 and served x / 127.5 - 1. Nothing failed and every answer was wrong; this is
what turns red instead.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from gateway import goldens
from gateway.pictures import to_tensor
from training.artefact import serving

TOLERANCE: Mapping[str, float] = {"saved_model": 1e-3, "litert": 1e-2}


class ParityError(ValueError):
    """An exported model and the training code that made it do not agree, or the goldens are not what was recorded."""


def read_golden(model_dir: Path) -> tuple[list[bytes], np.ndarray]:
    """Read a model version's golden pictures.

    Returns: the picture files, and float64[N, K] probabilities that training code computed of them.
    Raises: ParityError if the record or a picture is missing, or a picture is another one than was recorded.
    """
    try:
        golden = goldens.read_golden(model_dir)
    except goldens.GoldenError as error:
        raise ParityError(str(error)) from error
    return list(golden.pictures), golden.probabilities


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
            differences[name] = goldens.difference(serving.classify(engine, images), expected)
        finally:
            engine.close()
    return differences


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
