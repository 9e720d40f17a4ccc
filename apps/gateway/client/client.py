"""The client: one class for every protocol, with retries and a deadline for each call."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Self

from gateway.client.errors import PictureRefused, UsageError
from gateway.client.patience import Patience
from gateway.client.results import Description, Picture, Prediction
from gateway.client.servers import Server

# By protocol, where it is spoken on a machine of one's own.
PROTOCOLS = {
    "gateway": "http://localhost:9696",
    "serving-rest": "http://localhost:8501",
    "serving-grpc": "localhost:8500",
    "kserve-v1": "http://localhost:9696",
    "kserve-v2": "http://localhost:9696",
}


class Client:
    """Ask a server of any protocol; safe to use from many threads, and a context manager that closes it.

    Args:
        server: speaks the protocol; `connect` makes one.
        patience: for each call.
    """

    def __init__(self, server: Server, patience: Patience | None = None) -> None:
        self._server = server
        self._patience = patience or Patience()

    def default(self) -> str:
        """Name the model that is meant where none is named. Raises: ClientError."""
        return self._patience.call(self._server.default)

    def models(self) -> Sequence[Description]:
        """List the models, also those that do not answer. Raises: UsageError where the protocol cannot; ClientError."""
        return self._patience.call(self._server.models)

    def describe(self, model: str = "", *, version: int | None = None, label: str | None = None) -> Description:
        """Tell what a model is.

        Args:
            model: its name; empty: the default.
            version: by its number.
            label: by its label; at most one of the two. Neither: the version that answers.
        Raises: ClientError.
        """
        model = model or self.default()
        return self._patience.call(
            lambda deadline: self._server.describe(model, deadline, version=version, label=label)
        )  # fmt: skip

    def classify(
        self, picture: bytes | Picture, model: str = "", *, version: int | None = None, label: str | None = None
    ) -> Prediction:
        """Classify a picture.

        Args:
            picture: a JPEG, PNG, WebP, GIF, BMP or AVIF file, or `Picture(url=...)`.
            model: its name; empty: the default.
            version: by its number.
            label: by its label; at most one of the two. Neither: the version that answers.
        Returns: probabilities by label, 0..1.
        Raises: PictureRefused where it is this picture's fault; ClientError.
        """
        sent = Picture(picture) if isinstance(picture, bytes) else picture
        if not sent.data and not sent.url:
            raise PictureRefused("The file is empty.", 415)
        model = model or self.default()
        return self._patience.call(
            lambda deadline: self._server.classify(sent, model, deadline, version=version, label=label)
        )

    def close(self) -> None:
        """Close connections."""
        self._server.close()

    def __enter__(self) -> Self:
        """Give the client."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close connections."""
        self.close()


def connect(
    address: str = "", protocol: str = "gateway", *, key: str = "", ca_file: str = "", patience: Patience | None = None
) -> Client:
    """Make a client. Nobody is asked yet.

    Args:
        address: `http://host:port` or `https://host`, also with a path; `host:port` for gRPC. Empty: this machine.
        protocol: one of PROTOCOLS.
        key: of the gateway's API; empty where none is asked for.
        ca_file: certificates (PEM) by which the server is known; for gRPC it turns TLS on.
        patience: how long and how often a call is tried.
    Raises: UsageError for what cannot be used.
    """
    if protocol not in PROTOCOLS:
        raise UsageError(f"protocol {protocol!r} is none of {', '.join(PROTOCOLS)}")
    address = address or PROTOCOLS[protocol]
    return Client(
        _grpc(address, ca_file) if protocol == "serving-grpc" else _http(address, protocol, key, ca_file), patience
    )


def _http(address: str, protocol: str, key: str, ca_file: str) -> Server:
    # Each imports what it needs only: a gateway is asked without NumPy, Pillow and gRPC.
    from gateway.client.http import Http

    http = Http(address, key, ca_file)
    if protocol == "gateway":
        from gateway.client.gateway_api import Gateway

        return Gateway(http)
    if protocol == "kserve-v1":
        from gateway.client.kserve import KServeV1

        return KServeV1(http)
    from gateway.client.tensors import TensorServer

    if protocol == "kserve-v2":
        from gateway.client.open_inference import OpenInference

        inference = OpenInference(http)
        return TensorServer(inference, inference.find, inference.close)
    from gateway.client.serving_rest import RestPredictor
    from gateway.discovery import discover

    predictor = RestPredictor(http)
    return TensorServer(predictor, partial(discover, predictor), predictor.close)


def _grpc(address: str, ca_file: str) -> Server:
    import grpc

    from gateway.client.tensors import TensorServer
    from gateway.discovery import discover
    from serving_api.channel import open_channel
    from serving_api.client import ModelServer

    if "://" in address:
        raise UsageError(f"{address!r} is no address of gRPC: host:port")
    credentials = grpc.ssl_channel_credentials(read_bytes(Path(ca_file))) if ca_file else None
    server = ModelServer(partial(open_channel, address, credentials=credentials))
    return TensorServer(server, partial(discover, server), server.close)


def read_bytes(path: Path) -> bytes:
    """Read a file. Raises: UsageError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
