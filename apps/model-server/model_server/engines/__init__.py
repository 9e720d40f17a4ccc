"""What runs a model version: LiteRT where `model.tflite` lies, else TensorFlow on the SavedModel.

`MODEL_SERVER_ENGINE` overrides the choice: `auto` (the rule above), `litert`, or `saved_model`. It exists so that
one model directory can be held to the same answers in both engines.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from grpc import StatusCode

from model_server.errors import StatusError
from serving_api.serving_pb2 import SignatureDef

ENGINE_VARIABLE = "MODEL_SERVER_ENGINE"
LITERT_FILE = "model.tflite"


class Engine(Protocol):
    """One loaded model version.

    Attributes:
        signatures: signature name -> definition, as GetModelMetadata answers it; the same in every engine.
        batchable: whether the first dimension of every input and output of `serving_default` is a free batch axis,
            so that the rows of several requests may be run as one.
    """

    signatures: Mapping[str, SignatureDef]
    batchable: bool

    def run(self, signature: str, inputs: Mapping[str, np.ndarray], outputs: Sequence[str]) -> dict[str, np.ndarray]:
        """Run one signature; safe to call from several threads.

        Args:
            signature: a key of `signatures`.
            inputs: alias -> array, already checked against the signature; strings are object arrays of bytes.
            outputs: the aliases wanted; at least one.
        Returns: alias -> array, exactly the aliases of `outputs`.
        Raises: StatusError, with the code that TensorFlow Serving answers.
        """
        ...

    def close(self) -> None:
        """Free the model; `run` must not be called afterwards."""
        ...


def choose_engine(version_dir: Path, wanted: str) -> str:
    """Name the engine for a version: `litert` or `saved_model`.

    Args:
        version_dir: the directory of one version.
        wanted: `auto`, `litert` or `saved_model`.
    Raises: StatusError INVALID_ARGUMENT for another word, NOT_FOUND where the directory holds no such model.
    """
    if wanted not in {"auto", "litert", "saved_model"}:
        raise StatusError(
            StatusCode.INVALID_ARGUMENT, f"{ENGINE_VARIABLE}={wanted}: must be auto, litert or saved_model"
        )
    has_litert = (version_dir / LITERT_FILE).is_file()
    has_saved_model = (version_dir / "saved_model.pb").is_file()
    if wanted != "saved_model" and has_litert:
        return "litert"
    if wanted != "litert" and has_saved_model:
        return "saved_model"
    looked_for = {"auto": f"{LITERT_FILE} or saved_model.pb", "litert": LITERT_FILE, "saved_model": "saved_model.pb"}
    raise StatusError(StatusCode.NOT_FOUND, f"Could not find {looked_for[wanted]} at {version_dir}")


def load_engine(version_dir: Path, threads: int) -> Engine:
    """Load a model version in the engine that its files and `MODEL_SERVER_ENGINE` choose.

    Args:
        version_dir: the directory of one version (design.md, contract 1).
        threads: CPU threads that one run may use.
    Raises: StatusError: NOT_FOUND (no model there), FAILED_PRECONDITION (TensorFlow is needed and not installed),
        INVALID_ARGUMENT or INTERNAL (the files are broken).
    """
    # An engine's library is imported only when a model asks for it: TensorFlow alone costs seconds and 500 MB.
    if choose_engine(version_dir, os.environ.get(ENGINE_VARIABLE, "auto")) == "litert":
        from model_server.engines.litert import LiteRTEngine

        return LiteRTEngine(version_dir, threads)
    from model_server.engines.saved_model import SavedModelEngine

    return SavedModelEngine(version_dir, threads)
