"""Name the gRPC methods of TensorFlow Serving, for clients (stubs) and servers (handlers).

grpc_tools would generate these under our package's name; the wire needs the original's, so they are written here.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import grpc

from serving_api import serving_pb2 as pb

PREDICTION_SERVICE = "tensorflow.serving.PredictionService"
MODEL_SERVICE = "tensorflow.serving.ModelService"
# What GetModelMetadata packs its answer as: the original's full name, not our package's.
SIGNATURE_DEF_MAP_URL = "type.googleapis.com/tensorflow.serving.SignatureDefMap"

_PREDICTION_METHODS: Mapping[str, tuple[Any, Any]] = {
    "Predict": (pb.PredictRequest, pb.PredictResponse),
    "GetModelMetadata": (pb.GetModelMetadataRequest, pb.GetModelMetadataResponse),
}
_MODEL_METHODS: Mapping[str, tuple[Any, Any]] = {
    "GetModelStatus": (pb.GetModelStatusRequest, pb.GetModelStatusResponse),
    "HandleReloadConfigRequest": (pb.ReloadConfigRequest, pb.ReloadConfigResponse),
}


class PredictionServicer(Protocol):
    """What a server of PredictionService answers; an error is `context.abort(code, message)`."""

    def Predict(self, request: pb.PredictRequest, context: grpc.ServicerContext) -> pb.PredictResponse:  # noqa: N802 - gRPC's name
        """Run a model."""
        ...

    def GetModelMetadata(  # noqa: N802 - gRPC's name
        self, request: pb.GetModelMetadataRequest, context: grpc.ServicerContext
    ) -> pb.GetModelMetadataResponse:
        """Answer a model's signatures."""
        ...


class ModelServicer(Protocol):
    """What a server of ModelService answers."""

    def GetModelStatus(  # noqa: N802 - gRPC's name
        self, request: pb.GetModelStatusRequest, context: grpc.ServicerContext
    ) -> pb.GetModelStatusResponse:
        """Answer the states of a model's versions."""
        ...

    def HandleReloadConfigRequest(  # noqa: N802 - gRPC's name
        self, request: pb.ReloadConfigRequest, context: grpc.ServicerContext
    ) -> pb.ReloadConfigResponse:
        """Serve another list of models."""
        ...


class PredictionServiceStub:
    """Client side of PredictionService: each attribute is a grpc.UnaryUnaryMultiCallable."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.Predict = _call(channel, PREDICTION_SERVICE, "Predict", _PREDICTION_METHODS)
        self.GetModelMetadata = _call(channel, PREDICTION_SERVICE, "GetModelMetadata", _PREDICTION_METHODS)


class ModelServiceStub:
    """Client side of ModelService: each attribute is a grpc.UnaryUnaryMultiCallable."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.GetModelStatus = _call(channel, MODEL_SERVICE, "GetModelStatus", _MODEL_METHODS)
        self.HandleReloadConfigRequest = _call(channel, MODEL_SERVICE, "HandleReloadConfigRequest", _MODEL_METHODS)


def add_prediction_service(servicer: PredictionServicer, server: grpc.Server) -> None:
    """Register a servicer with a server under the original's name; methods that it lacks answer UNIMPLEMENTED."""
    _add(server, PREDICTION_SERVICE, servicer, _PREDICTION_METHODS)


def add_model_service(servicer: ModelServicer, server: grpc.Server) -> None:
    """Register a servicer with a server under the original's name."""
    _add(server, MODEL_SERVICE, servicer, _MODEL_METHODS)


def _call(channel: grpc.Channel, service: str, method: str, methods: Mapping[str, tuple[Any, Any]]) -> Any:
    request, response = methods[method]
    return channel.unary_unary(
        f"/{service}/{method}", request_serializer=request.SerializeToString, response_deserializer=response.FromString
    )


def _add(server: grpc.Server, service: str, servicer: object, methods: Mapping[str, tuple[Any, Any]]) -> None:
    handlers = {
        name: grpc.unary_unary_rpc_method_handler(
            getattr(servicer, name),
            request_deserializer=request.FromString,
            response_serializer=response.SerializeToString,
        )
        for name, (request, response) in methods.items()
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
