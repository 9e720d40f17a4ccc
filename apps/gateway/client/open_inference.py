"""Speak the Open Inference Protocol (KServe's V2) as a `gateway.predictor.Predicts`.

The metadata must name the labels (`parameters.labels`), as a gateway's does: the protocol has no member for them.
Tensors go behind the JSON where the server says that it reads them so (binary extension), else as numbers.
Source: https://github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import numpy as np

from gateway.client.errors import Mismatch, UsageError
from gateway.client.http import Http
from gateway.inference_tensors import PROBABILITIES
from gateway.model import Model
from serving_api.client import Answer
from serving_api.deadline import Deadline

_BINARY_EXTENSION = "binary_tensor_data"


class OpenInference:
    """A server of the Open Inference Protocol over HTTP; its calls raise ClientError."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self._binary: bool | None = None

    def find(
        self, name: str, deadline: Deadline, *, version: int | None, label: str | None, known: Model | None
    ) -> Model:
        """Find out what a model is; without a version the newest that there is, by number."""
        if label is not None:
            raise UsageError("this protocol knows versions, and no labels of them")
        told = self._metadata(name, version, deadline)
        try:
            if version is None:
                version = max(int(one) for one in told["versions"])
                if known is not None and known.version == version:
                    return known
                told = self._metadata(name, version, deadline)
            (image,) = told["inputs"]
            _, height, width, _ = image["shape"]
            labels = told.get("parameters", {}).get("labels", ())
            if image["datatype"] != "UINT8" or not (isinstance(height, int) and isinstance(width, int)):
                raise Mismatch(f"model {name} takes {image['datatype']}{image['shape']}, not pictures of UINT8")
            if len(labels) < 2 or min(height, width) < 1:  # noqa: PLR2004
                raise Mismatch(f"model {name}: the metadata names no labels, or no size")
            return Model(
                name=name,
                version=version,
                labels=tuple(map(str, labels)),
                height=height,
                width=width,
                card={},
                signature="",
                input=str(image["name"]),
                output=PROBABILITIES,
                dtype=np.dtype(np.uint8),
                foreign=None,
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            raise Mismatch(f"{self._path(name, version)}: the metadata is not that of an image classifier") from None

    def predict(
        self,
        model: str,
        inputs: Mapping[str, Any],
        deadline: Deadline,
        *,
        version: int | None = None,
        label: str | None = None,
        signature: str = "",
        outputs: Sequence[str] = (),
    ) -> Answer:
        """Infer: one tensor of uint8 in, the named outputs out."""
        del label, signature
        ((name, image),) = inputs.items()
        tensor: dict[str, Any] = {"name": name, "datatype": "UINT8", "shape": list(image.shape)}
        wanted = [{"name": output} for output in outputs]
        headers, tail = {"Content-Type": "application/json"}, b""
        if self._speaks_binary(deadline):
            tail = image.tobytes()
            tensor["parameters"] = {"binary_data_size": len(tail)}
        else:
            tensor["data"] = image.ravel().tolist()
        head = json.dumps({"inputs": [tensor], "outputs": wanted}).encode()
        if tail:
            headers = {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": str(len(head))}
        path = f"{self._path(model, version)}/infer"
        where = f"{self._http.address}{path}"
        told = self._http.exchange("POST", path, deadline, head + tail, headers).json(where)
        try:
            found = {
                str(one["name"]): np.array(one["data"], np.float32).reshape(one["shape"])
                for one in told["outputs"]
                if one["datatype"].startswith("FP")
            }
            # A server without versions may leave the number out; then the address's is meant.
            return Answer(found, int(told.get("model_version") or version or 0))
        except (KeyError, TypeError, ValueError, AttributeError):
            raise Mismatch(f"{where}: the answer holds no tensors") from None

    def close(self) -> None:
        """Close connections."""
        self._http.close()

    def _metadata(self, name: str, version: int | None, deadline: Deadline) -> Any:
        path = self._path(name, version)
        told = self._http.get(path, deadline)
        if not isinstance(told, dict):
            raise Mismatch(f"{self._http.address}{path}: the answer is no metadata")
        return told

    def _speaks_binary(self, deadline: Deadline) -> bool:
        if self._binary is None:
            told = self._http.get("/v2", deadline)
            self._binary = isinstance(told, dict) and _BINARY_EXTENSION in (told.get("extensions") or ())
        return self._binary

    @staticmethod
    def _path(name: str, version: int | None) -> str:
        path = f"/v2/models/{quote(name, safe='')}"
        return path if version is None else f"{path}/versions/{version}"
