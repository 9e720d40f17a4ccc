"""Read the files that flags name: models, batching, monitoring and TLS, each a protobuf in text format."""

import re
from pathlib import Path
from typing import Any, TypeVar

import grpc
from google.protobuf import text_format
from google.protobuf.message import Message

from model_server.errors import StatusError
from serving_api import config_pb2

MessageT = TypeVar("MessageT", bound=Message)

# What the original calls the one platform it has; older configurations leave it out.
PLATFORM = "tensorflow"
DEFAULT_PROMETHEUS_PATH = "/monitoring/prometheus/metrics"
# Names appear in URLs (/v1/models/NAME:predict) and as labels of metrics.
_NAME = re.compile(r"[^/:\s]+")


def read_text_proto(path: str, message: MessageT) -> MessageT:
    """Fill a message from a text-format file and return it.

    Raises: StatusError NOT_FOUND (no such file, or it cannot be read) or INVALID_ARGUMENT (not such a message), with
        the path, line and column.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise StatusError(grpc.StatusCode.NOT_FOUND, f"{path}: cannot be read: {reason}") from error
    return parse_text_proto(text, message, path)


def parse_text_proto(text: str, message: MessageT, name: str) -> MessageT:
    """Fill a message from text in text format and return it.

    Args:
        text: what to parse.
        message: an empty message of the wanted type.
        name: where the text is from, for the error.
    Raises: StatusError INVALID_ARGUMENT.
    """
    try:
        parsed: MessageT = text_format.Parse(text, message)
    except text_format.ParseError as error:
        kind = message.DESCRIPTOR.name
        raise StatusError(grpc.StatusCode.INVALID_ARGUMENT, f"{name}: not a {kind}: {error}") from error
    return parsed


def single_model(name: str, base_path: str) -> config_pb2.ModelServerConfig:
    """Write the configuration that `--model_name` and `--model_base_path` stand for."""
    model = config_pb2.ModelConfig(name=name, base_path=base_path, model_platform=PLATFORM)
    return config_pb2.ModelServerConfig(model_config_list=config_pb2.ModelConfigList(config=[model]))


def check_models(config: config_pb2.ModelServerConfig) -> list[config_pb2.ModelConfig]:
    """Check a list of models and give its entries.

    Raises: StatusError INVALID_ARGUMENT with the original's sentence for a name that comes twice; also for a name that
        no URL could carry, a missing base path, another platform, or no list at all.
    """
    if not config.HasField("model_config_list"):
        raise _invalid("the configuration has no model_config_list")
    models = list(config.model_config_list.config)
    seen: set[str] = set()
    for model in models:
        if not _NAME.fullmatch(model.name):
            raise _invalid(f"model name {model.name!r} must be at least one character and none of / : and space")
        if model.name in seen:
            raise _invalid(f"Illegal to list model {model.name} multiple times in config list")
        if not model.base_path:
            raise _invalid(f"model {model.name} has no base_path")
        if model.model_platform not in {"", PLATFORM}:
            raise _invalid(f"Model {model.name} requests unsupported platform {model.model_platform}")
        seen.add(model.name)
    return models


def read_monitoring(path: str) -> config_pb2.MonitoringConfig:
    """Read `--monitoring_config_file`; without one, Prometheus is off as in the original.

    Raises: StatusError.
    """
    monitoring = config_pb2.MonitoringConfig()
    if path:
        read_text_proto(path, monitoring)
    prometheus = monitoring.prometheus_config
    if prometheus.enable and not prometheus.path:
        prometheus.path = DEFAULT_PROMETHEUS_PATH
    if prometheus.path and not prometheus.path.startswith("/"):
        raise _invalid(f"{path}: prometheus_config.path {prometheus.path!r} must begin with /")
    return monitoring


def read_server_credentials(path: str) -> Any:
    """Read `--ssl_config_file` as gRPC server credentials.

    Args:
        path: text SSLConfig; `server_key`, `server_cert` and `custom_ca` are PEM texts, not paths.
    Raises: StatusError INVALID_ARGUMENT if key or certificate is missing, or clients shall be verified without a CA.
    """
    tls = read_text_proto(path, config_pb2.SSLConfig())
    if not tls.server_key or not tls.server_cert:
        raise _invalid(f"{path}: server_key and server_cert must both hold PEM text")
    if tls.client_verify and not tls.custom_ca:
        raise _invalid(f"{path}: client_verify needs custom_ca")
    return grpc.ssl_server_credentials(
        [(tls.server_key.encode(), tls.server_cert.encode())],
        root_certificates=tls.custom_ca.encode() or None,
        require_client_auth=tls.client_verify,
    )


def _invalid(message: str) -> StatusError:
    return StatusError(grpc.StatusCode.INVALID_ARGUMENT, message)
