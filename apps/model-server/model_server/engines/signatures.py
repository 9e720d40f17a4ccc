"""Read and judge signatures without TensorFlow.

Both engines answer GetModelMetadata from here, so a model says the same of itself whichever one runs it.
Source of the rules: tensorflow/cc/saved_model/{reader,loader}.cc.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError
from grpc import StatusCode

from model_server.errors import StatusError
from serving_api.serving_pb2 import SavedModel, SignatureDef, TensorInfo
from serving_api.tensors import DTYPE_OF, shape_proto

DEFAULT_SIGNATURE = "serving_default"
PREDICT_METHOD = "tensorflow/serving/predict"
SAVED_MODEL_FILE = "saved_model.pb"
SERVE_TAG = "serve"


def read_signatures(version_dir: Path) -> dict[str, SignatureDef]:
    """Read the signatures of a SavedModel's serving graph.

    Args:
        version_dir: the directory that holds `saved_model.pb`.
    Returns: signature name -> definition, `__saved_model_init_op` included, as TensorFlow Serving answers them.
    Raises: StatusError: NOT_FOUND (no file, or no graph tagged `serve`), DATA_LOSS (not a SavedModel).
    """
    path = version_dir / SAVED_MODEL_FILE
    try:
        saved_model = SavedModel.FromString(path.read_bytes())
    except OSError as error:
        raise StatusError(StatusCode.NOT_FOUND, f"Could not read {path}: {error.strerror}") from error
    except DecodeError as error:
        raise StatusError(StatusCode.DATA_LOSS, f"Can't parse {path} as binary proto") from error
    for graph in saved_model.meta_graphs:
        if set(graph.meta_info_def.tags) == {SERVE_TAG}:
            # Copies: a message of the parsed file would keep all of its graph (megabytes) in memory.
            return {
                name: SignatureDef.FromString(definition.SerializeToString())
                for name, definition in graph.signature_def.items()
            }
    raise StatusError(
        StatusCode.NOT_FOUND, f"Could not find meta graph def matching supplied tags: {{ {SERVE_TAG} }} in {path}"
    )


def derive_signature(inputs: Mapping[str, Mapping[str, Any]], outputs: Mapping[str, Mapping[str, Any]]) -> SignatureDef:
    """Write the signature of a LiteRT model that has no SavedModel beside it.

    Args:
        inputs: alias -> LiteRT's tensor details (`name`, `dtype`, `shape_signature` with -1 for any size).
        outputs: the same of the outputs.
    Raises: StatusError INVALID_ARGUMENT for a dtype that TensorFlow Serving cannot name.
    """
    return SignatureDef(
        inputs={alias: _tensor_info(alias, details) for alias, details in inputs.items()},
        outputs={alias: _tensor_info(alias, details) for alias, details in outputs.items()},
        method_name=PREDICT_METHOD,
    )


def has_batch_axis(signature: SignatureDef) -> bool:
    """Tell whether the first dimension of every input and output is free, so that rows can be joined and split."""
    tensors = [*signature.inputs.values(), *signature.outputs.values()]
    return bool(signature.inputs) and all(
        not tensor.tensor_shape.unknown_rank and tensor.tensor_shape.dim and tensor.tensor_shape.dim[0].size == -1
        for tensor in tensors
    )


def _tensor_info(alias: str, details: Mapping[str, Any]) -> TensorInfo:
    dtype = DTYPE_OF.get(np.dtype(details["dtype"]))
    if dtype is None:
        raise StatusError(StatusCode.INVALID_ARGUMENT, f"tensor {alias} has the unsupported type {details['dtype']}")
    shape = shape_proto([None if size < 0 else int(size) for size in details["shape_signature"]])
    return TensorInfo(name=details["name"], dtype=dtype, tensor_shape=shape)
