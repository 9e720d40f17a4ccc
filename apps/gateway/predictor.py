"""What the gateway asks of a model server, and the way to the real one."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import grpc

from gateway.settings import Settings
from gateway.tls import Tls, read_tls
from serving_api.channel import open_channel
from serving_api.client import Answer, Metadata, ModelServer, VersionStatus
from serving_api.deadline import Deadline


class Predicts(Protocol):
    """What it takes to ask a model that is known."""

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


class Predictor(Predicts, Protocol):
    """What the gateway uses of `serving_api.client.ModelServer`; every one raises a ServingError."""

    @property
    def given_up(self) -> bool:
        """Tell whether calls are refused because no server answers."""

    def signatures(
        self, model: str, deadline: Deadline, *, version: int | None = None, label: str | None = None
    ) -> Metadata:
        """Read a model's signatures, and which version has them."""

    def status(self, model: str, deadline: Deadline, version: int | None = None) -> list[VersionStatus]:
        """Read the states of a model's versions, newest first."""


def open_predictor(settings: Settings) -> ModelServer:
    """Open the way to the model server; it is connected by the first call.

    Call it after a fork, which no channel survives. Raises: SettingsError, where what TLS takes cannot be read.
    """
    return ModelServer(partial(channel_to, settings.model_server, read_tls(settings)))


def channel_to(address: str, tls: Tls | None) -> grpc.Channel:
    """Open a channel to a model server: encrypted and to the one that is meant, or in plain text."""
    if tls is None:
        return open_channel(address)
    return open_channel(address, credentials=tls.credentials, server_name=tls.server_name)
