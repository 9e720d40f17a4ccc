"""Ask an exported model what it says, through the very engines of the embedded model server."""

from pathlib import Path

import numpy as np

from model_server.engines import Engine

ENGINES = ("saved_model", "litert")
SIGNATURE, IMAGE, PROBABILITIES = "serving_default", "image", "probabilities"
_THREADS = 2


def open_engine(model_dir: Path, engine: str) -> Engine:
    """Load a model version in one engine, "saved_model" or "litert".

    Raises: StatusError (model_server.errors) if the version cannot be loaded; ValueError for another engine.
    """
    # Imported here: LiteRT and TensorFlow are each loaded only when asked for.
    if engine == "litert":
        from model_server.engines.litert import LiteRTEngine

        return LiteRTEngine(model_dir, _THREADS)
    if engine == "saved_model":
        from model_server.engines.saved_model import SavedModelEngine

        return SavedModelEngine(model_dir, _THREADS)
    raise ValueError(f"No engine {engine!r}; there are {', '.join(ENGINES)}.")


def classify(engine: Engine, images: np.ndarray, batch: int = 32) -> np.ndarray:
    """Classify uint8[N, H, W, 3] pictures: float32[N, K] probabilities."""
    return np.concatenate(
        [
            engine.run(SIGNATURE, {IMAGE: np.asarray(images[i : i + batch])}, [PROBABILITIES])[PROBABILITIES]
            for i in range(0, len(images), batch)
        ]
    )
