"""Answer the `describe` signature from `card.json`, as the SavedModel's own `describe` answers from its constants.

The LiteRT file holds only `serving_default`: strings do not convert (design.md, contract 1).
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from grpc import StatusCode

from model_server.engines.signatures import PREDICT_METHOD
from model_server.errors import StatusError
from serving_api.serving_pb2 import DT_STRING, SignatureDef, TensorInfo
from serving_api.tensors import shape_proto

CARD_FILE = "card.json"
DESCRIBE_SIGNATURE = "describe"
KEY, VALUE = "key", "value"


class Card:
    """A model's card, read once.

    Args:
        version_dir: the directory that holds `card.json`.
    Raises: StatusError INVALID_ARGUMENT for a card that is no JSON object with a list of `labels`.
    """

    def __init__(self, version_dir: Path) -> None:
        path = version_dir / CARD_FILE
        try:
            text = path.read_text(encoding="utf-8")
            labels = json.loads(text)["labels"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StatusError(
                StatusCode.INVALID_ARGUMENT, f"{path} is not a model card with labels: {error!r}"
            ) from error
        if not isinstance(labels, list):
            raise StatusError(StatusCode.INVALID_ARGUMENT, f"{path} is not a model card: labels is not a list")
        self._values = {b"labels": json.dumps(labels, ensure_ascii=False).encode(), b"card": text.encode()}

    def describe(self, keys: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Look keys up: string[N] -> string[N]; a key that is neither `labels` nor `card` has an empty value."""
        values = np.empty(keys.size, dtype=object)
        values[:] = [self._values.get(key, b"") for key in keys.flat]
        return values.reshape(keys.shape)


def describe_signature() -> SignatureDef:
    """Write the signature of `describe` for a model that has no SavedModel to read it from."""
    shape = shape_proto([None])
    return SignatureDef(
        inputs={KEY: TensorInfo(name="describe_key:0", dtype=DT_STRING, tensor_shape=shape)},
        outputs={VALUE: TensorInfo(name="describe_value:0", dtype=DT_STRING, tensor_shape=shape)},
        method_name=PREDICT_METHOD,
    )
