"""Answer gRPC: PredictionService, ModelService and, with its flag, grpc.health.v1.

Methods of the original that are not here (Classify, Regress, MultiInference) answer UNIMPLEMENTED.
"""

import logging
import math
import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import grpc

from model_server.core import Core
from model_server.errors import StatusError, as_status_error
from serving_api import serving_pb2 as pb
from serving_api.services import add_model_service, add_prediction_service

LOG = logging.getLogger(__name__)

Answer = TypeVar("Answer")

# As in the original: what limits a message is memory, not gRPC's default of 4 MB.
MAX_MESSAGE_BYTES = 2**31 - 1
# As in the original; a longer status would not fit into the trailer of an HTTP/2 answer.
MAX_STATUS_CHARACTERS = 1024


@dataclass(frozen=True)
class GrpcOptions:
    """Where and how gRPC is answered.

    Attributes:
        port: TCP port on every interface; 0: none.
        socket_path: path of a UNIX socket; empty: none.
        max_threads: calls answered at once.
        channel_arguments: gRPC's own arguments, name and value.
        credentials: TLS for the TCP port; None: plain text.
        health: whether grpc.health.v1 is answered.
    """

    port: int
    socket_path: str = ""
    max_threads: int = 8
    channel_arguments: Sequence[tuple[str, int | str]] = ()
    credentials: Any = None
    health: bool = False


class PredictionServicer:
    """PredictionService over the core."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def Predict(self, request: pb.PredictRequest, context: grpc.ServicerContext) -> pb.PredictResponse:  # noqa: N802
        """Run a model within the client's deadline."""
        remaining_s = context.time_remaining()
        timeout_s = math.inf if remaining_s is None else remaining_s
        return _answer(lambda: self._core.predict(request, timeout_s, entrypoint="GRPC"), context)

    def GetModelMetadata(  # noqa: N802
        self, request: pb.GetModelMetadataRequest, context: grpc.ServicerContext
    ) -> pb.GetModelMetadataResponse:
        """Answer a version's signatures."""
        return _answer(lambda: self._core.metadata(request), context)


class ModelServicer:
    """ModelService over the core."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def GetModelStatus(  # noqa: N802
        self, request: pb.GetModelStatusRequest, context: grpc.ServicerContext
    ) -> pb.GetModelStatusResponse:
        """Answer the states of a model's versions."""
        return _answer(lambda: self._core.status(request), context)

    def HandleReloadConfigRequest(  # noqa: N802
        self, request: pb.ReloadConfigRequest, context: grpc.ServicerContext
    ) -> pb.ReloadConfigResponse:
        """Serve another list of models."""
        return _answer(lambda: self._core.reload(request), context)


class GrpcServer:
    """The gRPC port of a server.

    Args:
        core: what answers.
        options: see GrpcOptions.
    """

    def __init__(self, core: Core, options: GrpcOptions) -> None:
        self._options = options
        self._server = grpc.server(
            ThreadPoolExecutor(options.max_threads, thread_name_prefix="grpc"),
            options=[
                ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
                ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
                # With gRPC's default a second server would share the port in silence.
                ("grpc.so_reuseport", 0),
                # Clients that ask whether the server lives during a long call are no attack on it.
                ("grpc.http2.min_ping_interval_without_data_ms", 1_000),
                *options.channel_arguments,
            ],
        )
        add_prediction_service(PredictionServicer(core), self._server)
        add_model_service(ModelServicer(core), self._server)
        self._health = _add_health(self._server) if options.health else None

    def start(self) -> None:
        """Open the ports and answer.

        Raises: StatusError UNAVAILABLE if a port cannot be opened, INVALID_ARGUMENT if key and certificate are not
            usable.
        """
        if self._options.port:
            self._open_port(self._options.port)
        if self._options.socket_path:
            self._listen(lambda: self._server.add_insecure_port(f"unix:{self._options.socket_path}"))
        self._server.start()

    def drain(self, grace_s: float) -> threading.Event:
        """Take no new calls and tell health checkers; calls under way go on.

        Args:
            grace_s: after so many seconds, calls that are still under way are cancelled.
        Returns: set once all calls are answered or cancelled.
        """
        if self._health is not None:
            self._health.enter_graceful_shutdown()
        ended: threading.Event = self._server.stop(grace_s)
        return ended

    def _open_port(self, port: int) -> None:
        # Asked first, because gRPC does not tell why it fails, and logs lines of its own about it.
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("", port))
            except OSError as error:
                raise StatusError(
                    grpc.StatusCode.UNAVAILABLE, f"--port={port} cannot be opened: {error.strerror}"
                ) from error
        address = f"0.0.0.0:{port}"
        if self._options.credentials is None:
            self._listen(lambda: self._server.add_insecure_port(address))
        else:
            try:
                self._server.add_secure_port(address, self._options.credentials)
            except RuntimeError as error:
                raise StatusError(
                    grpc.StatusCode.INVALID_ARGUMENT,
                    f"--ssl_config_file: gRPC cannot use this key and certificate on port {port}",
                ) from error
        LOG.info("gRPC at %s%s", address, "" if self._options.credentials is None else " with TLS")

    @staticmethod
    def _listen(add_port: Callable[[], int]) -> None:
        try:
            add_port()
        except RuntimeError as error:
            raise StatusError(grpc.StatusCode.UNAVAILABLE, str(error)) from error


def _answer(call: Callable[[], Answer], context: grpc.ServicerContext) -> Answer:
    try:
        return call()
    except Exception as error:
        if not isinstance(error, StatusError):
            LOG.exception("a call failed")
        status = as_status_error(error)
        context.abort(status.code, status.message[:MAX_STATUS_CHARACTERS])
        raise AssertionError("abort raises") from error


def _add_health(server: grpc.Server) -> Any:
    # Imported here: only with the flag does it cost memory.
    from grpc_health.v1 import health, health_pb2, health_pb2_grpc

    servicer = health.HealthServicer()
    servicer.set("", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    return servicer
