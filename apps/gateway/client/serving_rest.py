"""Speak TensorFlow Serving's REST API as a `gateway.predictor.Predictor`, so that discovery and models work by it too.

Source: https://www.tensorflow.org/tfx/serving/api_rest
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from google.protobuf import json_format

from gateway.client.errors import Mismatch
from gateway.client.gateway_api import path_of
from gateway.client.http import Http
from serving_api import serving_pb2 as pb
from serving_api.client import Answer, Metadata, VersionStatus
from serving_api.deadline import Deadline
from serving_api.tensors import NUMPY_OF, Array

_STRING = np.dtype(object)


class RestPredictor:
    """A model server's port 8501.

    Its calls raise ClientError. `predict` wants a version, since an answer does not tell whose it is.

    Args:
        http: the server.
        rows: send and read a batch row by row (`instances`, `predictions`), the only form of KServe's V1 protocol;
            else by tensors (`inputs`, `outputs`).
    """

    given_up = False  # of gRPC's breaker; here each call connects anew

    def __init__(self, http: Http, *, rows: bool = False) -> None:
        self._http = http
        self._rows = rows
        self._signatures: dict[tuple[str, int], dict[str, pb.SignatureDef]] = {}

    def signatures(
        self, model: str, deadline: Deadline, *, version: int | None = None, label: str | None = None
    ) -> Metadata:
        """Read a model's signatures."""
        path = f"{path_of(model, version, label)}/metadata"
        told = self._http.get(path, deadline)
        try:
            number = int(told["model_spec"]["version"])
            signatures = pb.SignatureDefMap()
            json_format.ParseDict(told["metadata"]["signature_def"], signatures, ignore_unknown_fields=True)
        except (KeyError, TypeError, ValueError, json_format.ParseError):
            raise self._mismatch(path, "metadata of a model") from None
        self._signatures[model, number] = found = dict(signatures.signature_def)
        return Metadata(number, found)

    def predict(
        self,
        model: str,
        inputs: Mapping[str, Any],
        deadline: Deadline,
        *,
        version: int | None = None,
        label: str | None = None,
        signature: str = "serving_default",
        outputs: Sequence[str] = (),
    ) -> Answer:
        """Run a signature of a version; all of its outputs come, `outputs` or not: REST has no filter."""
        del outputs
        if version is None or (model, version) not in self._signatures:
            version = self.signatures(model, deadline, version=version, label=label).version
        path = f"{path_of(model, version, None)}:predict"
        sent = {alias: _listed(values) for alias, values in inputs.items()}
        answer = self._http.post(path, {"signature_name": signature, **self._packed(sent)}, deadline)
        wanted = self._signatures[model, version][signature].outputs
        try:
            tensors = self._unpacked(answer, list(wanted))
            arrays = {alias: _array(values, wanted[alias]) for alias, values in tensors.items()}
        except (KeyError, TypeError, ValueError):
            raise self._mismatch(path, "tensors of the signature's outputs") from None
        return Answer(arrays, version)

    def status(self, model: str, deadline: Deadline, version: int | None = None) -> list[VersionStatus]:
        """Read the states of a model's versions, newest first."""
        path = path_of(model, version, None)
        told = self._http.get(path, deadline)
        try:
            versions = [
                VersionStatus(int(one["version"]), str(one["state"]), 0, str(one["status"]["error_message"]))
                for one in told["model_version_status"]
            ]
        except (KeyError, TypeError, ValueError):
            raise self._mismatch(path, "states of versions") from None
        return sorted(versions, key=lambda one: one.version, reverse=True)

    def close(self) -> None:
        """Close connections."""
        self._http.close()

    def _packed(self, inputs: Mapping[str, list[Any]]) -> dict[str, Any]:
        if not self._rows:
            return {"inputs": dict(inputs)}
        return {"instances": [dict(zip(inputs, row, strict=True)) for row in zip(*inputs.values(), strict=True)]}

    def _unpacked(self, answer: Mapping[str, Any], aliases: Sequence[str]) -> dict[str, Any]:
        """Give tensors by alias; the name of an only output is left out on the wire."""
        if len(aliases) == 1:
            return {aliases[0]: answer["predictions" if self._rows else "outputs"]}
        if self._rows:
            return {alias: [row[alias] for row in answer["predictions"]] for alias in aliases}
        return {alias: answer["outputs"][alias] for alias in aliases}

    def _mismatch(self, path: str, what: str) -> Mismatch:
        return Mismatch(f"{self._http.address}{path}: the answer holds no {what}")


def _listed(values: Array) -> list[Any]:
    """Write an array as JSON; bytes are text, which is what `describe` takes."""
    if values.dtype == _STRING:
        return [value.decode() for value in values.tolist()]
    listed: list[Any] = values.tolist()
    return listed


def _array(values: Any, info: pb.TensorInfo) -> Array:
    return np.array(values, dtype=NUMPY_OF[info.dtype])
