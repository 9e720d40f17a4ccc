"""Speak KServe's V1 protocol, whose instances are whatever its server takes.

Two kinds of server are known, and told apart by what they say of a model: TensorFlow Serving, which KServe runs behind
this protocol, takes image tensors row by row; a gateway takes picture files.
Source: https://kserve.github.io/website/docs/concepts/architecture/data-plane/v1-protocol
"""

from collections.abc import Sequence
from functools import partial

from gateway.client.errors import Mismatch
from gateway.client.gateway_api import Gateway, path_of
from gateway.client.http import Http
from gateway.client.results import Description, Picture, Prediction
from gateway.client.servers import Server
from gateway.client.serving_rest import RestPredictor
from gateway.client.tensors import TensorServer
from gateway.discovery import discover
from serving_api.deadline import Deadline


class KServeV1:
    """An inference service of KServe's V1 protocol; see gateway.client.servers."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self._gateway = Gateway(http)
        predictor = RestPredictor(http, rows=True)
        self._tensors = TensorServer(predictor, partial(discover, predictor), predictor.close)
        self._kinds: dict[str, Server] = {}

    def default(self, deadline: Deadline) -> str:
        """Refuse: the protocol has no default."""
        return self._tensors.default(deadline)

    def models(self, deadline: Deadline) -> Sequence[Description]:
        """Refuse: the list of KServe's servers tells no more than that they are there."""
        return self._tensors.models(deadline)

    def describe(self, model: str, deadline: Deadline, *, version: int | None, label: str | None) -> Description:
        """Tell what a model is."""
        return self._kind(model, deadline).describe(model, deadline, version=version, label=label)

    def classify(
        self, picture: Picture, model: str, deadline: Deadline, *, version: int | None, label: str | None
    ) -> Prediction:
        """Classify a picture."""
        return self._kind(model, deadline).classify(picture, model, deadline, version=version, label=label)

    def close(self) -> None:
        """Close connections."""
        self._http.close()

    def _kind(self, model: str, deadline: Deadline) -> Server:
        if (known := self._kinds.get(model)) is not None:
            return known
        path = path_of(model, None, None)
        told = self._http.get(path, deadline)
        if isinstance(told, dict) and "model_version_status" in told:
            kind: Server = self._tensors
        elif isinstance(told, dict) and "labels" in told:
            kind = self._gateway
        else:
            raise Mismatch(
                f"{self._http.address}{path}: neither TensorFlow Serving nor a gateway; nobody says what an instance is"
            )
        self._kinds[model] = kind
        return kind
