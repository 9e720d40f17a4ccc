"""Run a SavedModel the way TensorFlow Serving does, so that what passes here passes there.

That is: the session loader with the tag `serve` (assets and init op included), then feeds and fetches by the tensor
names of the signature. `tf.saved_model.load` would trace functions instead and hide a broken signature.
Source: tensorflow_serving/servables/tensorflow/predict_util.cc, tensorflow/cc/saved_model/loader.cc.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from grpc import StatusCode

from model_server.engines.signatures import DEFAULT_SIGNATURE, SERVE_TAG, has_batch_axis, read_signatures
from model_server.errors import StatusError

if TYPE_CHECKING:
    from serving_api.serving_pb2 import SignatureDef

Array = npt.NDArray[Any]

_CODE_OF_NUMBER = {code.value[0]: code for code in StatusCode}


class SavedModelEngine:
    """A model version in a TensorFlow session of its own.

    Args:
        version_dir: holds `saved_model.pb` and `variables/`.
        threads: threads of one operation.
    Raises: StatusError: FAILED_PRECONDITION (TensorFlow is not installed), or what the loader answers.
    """

    def __init__(self, version_dir: Path, threads: int) -> None:
        self.signatures: Mapping[str, SignatureDef] = read_signatures(version_dir)
        default = self.signatures.get(DEFAULT_SIGNATURE)
        self.batchable = default is not None and has_batch_axis(default)
        tf = _import_tensorflow(version_dir)
        self._op_error = tf.errors.OpError
        config = tf.compat.v1.ConfigProto(intra_op_parallelism_threads=max(1, threads))
        self._session = tf.compat.v1.Session(graph=tf.Graph(), config=config)
        try:
            with self._session.graph.as_default():
                tf.compat.v1.saved_model.loader.load(self._session, [SERVE_TAG], str(version_dir))
        except Exception as error:
            self._session.close()
            raise self._status(error, f"Could not load {version_dir}") from error

    def run(self, signature: str, inputs: Mapping[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        """Run one signature; see `model_server.engines.Engine.run`. A session is thread-safe."""
        definition = self.signatures[signature]
        feeds = {definition.inputs[alias].name: array for alias, array in inputs.items()}
        fetches = {alias: definition.outputs[alias].name for alias in outputs}
        try:
            results = self._session.run(fetches, feeds)
        except Exception as error:
            raise self._status(error, f'Signature "{signature}" failed') from error
        for alias, result in results.items():
            if result is None:  # `__saved_model_init_op` fetches an operation
                raise StatusError(StatusCode.INVALID_ARGUMENT, f"{fetches[alias]} is an operation and has no value")
        return {alias: np.asarray(results[alias]) for alias in outputs}

    def close(self) -> None:
        """Free the session and its variables."""
        self._session.close()

    def _status(self, error: Exception, what: str) -> StatusError:
        """Keep TensorFlow's own code; a ValueError or TypeError is its Python layer refusing a feed or a file."""
        if isinstance(error, self._op_error):
            code = _CODE_OF_NUMBER.get(getattr(error, "error_code", None), StatusCode.UNKNOWN)
            return StatusError(code, f"{what}: {getattr(error, 'message', error)}")
        code = StatusCode.INVALID_ARGUMENT if isinstance(error, ValueError | TypeError) else StatusCode.INTERNAL
        return StatusError(code, f"{what}: {error}")


def _import_tensorflow(version_dir: Path) -> Any:
    # TensorFlow tells of processors and missing CUDA libraries at every start; its errors come as exceptions anyway.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        import tensorflow as tf
    except ImportError as error:
        raise StatusError(
            StatusCode.FAILED_PRECONDITION,
            f"A SavedModel needs TensorFlow, which is not installed (pip install tensorflow); where {version_dir} also "
            "held a model.tflite, LiteRT would run that",
        ) from error
    tf.get_logger().setLevel("ERROR")  # the session loader is called deprecated at each load
    return tf
