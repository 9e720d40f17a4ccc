"""What the gateway asks of a model server, and the one that asks a real server."""

import threading
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from serving_api.channel import open_channel
from serving_api.client import Answer, Metadata, ModelServer, VersionStatus
from serving_api.deadline import Deadline


class Predictor(Protocol):
    """The three calls that `serving_api.client.ModelServer` has; every one raises a ServingError."""

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
        """Run a signature of a model."""

    def signatures(
        self, model: str, deadline: Deadline, *, version: int | None = None, label: str | None = None
    ) -> Metadata:
        """Read a model's signatures, and which version has them."""

    def status(self, model: str, deadline: Deadline, version: int | None = None) -> list[VersionStatus]:
        """Read the states of a model's versions, newest first."""


class RemotePredictor:
    """A model server at a gRPC target.

    The channel is opened by the first call: gunicorn forks, and a channel does not survive that.
    """

    def __init__(self, target: str) -> None:
        self._target = target
        self._lock = threading.Lock()
        self._opened: ModelServer | None = None

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
        """See Predictor."""
        return self._server().predict(
            model, inputs, deadline, version=version, label=label, signature=signature, outputs=outputs
        )

    def signatures(
        self, model: str, deadline: Deadline, *, version: int | None = None, label: str | None = None
    ) -> Metadata:
        """See Predictor."""
        return self._server().signatures(model, deadline, version=version, label=label)

    def status(self, model: str, deadline: Deadline, version: int | None = None) -> list[VersionStatus]:
        """See Predictor."""
        return self._server().status(model, deadline, version)

    def close(self) -> None:
        """Close the channel; the next call opens a new one."""
        with self._lock:
            if self._opened is not None:
                self._opened.close()
            self._opened = None

    def _server(self) -> ModelServer:
        with self._lock:
            if self._opened is None:
                self._opened = ModelServer(open_channel(self._target))
            return self._opened
