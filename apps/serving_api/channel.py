"""Open channels to a model server that spread, retry and notice dead peers."""

import json
from typing import Any

import grpc

from serving_api.services import MODEL_SERVICE, PREDICTION_SERVICE

# Below this, gRPC drops the copy it needs for a retry: its default of 256 KiB is less than two pictures of 224 px.
RETRY_BUFFER_BYTES = 16 * 1024 * 1024
MAX_MESSAGE_BYTES = 64 * 1024 * 1024

# Predict is a pure function of its input, so a second try does no harm.
_RETRY_POLICY: dict[str, Any] = {
    "maxAttempts": 4,
    "initialBackoff": "0.05s",
    "maxBackoff": "1s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"],
}
_SERVICE_CONFIG: dict[str, Any] = {
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [
        {"name": [{"service": PREDICTION_SERVICE}, {"service": MODEL_SERVICE}], "retryPolicy": _RETRY_POLICY}
    ],
    # Stops retries when most calls fail, so that they do not bury a server that is down.
    "retryThrottling": {"maxTokens": 100, "tokenRatio": 0.5},
}


def target_of(address: str) -> str:
    """Write an address as a gRPC target: `host:port` is resolved to every address that DNS knows of the host."""
    return (
        address if "://" in address or address.startswith(("unix:", "dns:", "ipv4:", "ipv6:")) else f"dns:///{address}"
    )


def open_channel(
    address: str, *, credentials: grpc.ChannelCredentials | None = None, keepalive_s: float = 30.0
) -> grpc.Channel:
    """Open a channel with round robin over all addresses, retries and keepalive.

    It connects at the first call. Open it after a fork: a channel does not survive one.

    Args:
        address: `host:port` (a headless Service in Kubernetes: one address a pod) or a gRPC target.
        credentials: TLS; none means plain text.
        keepalive_s: seconds of silence on a busy connection after which the peer is asked whether it lives.
    """
    options: list[tuple[str, Any]] = [
        ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
        ("grpc.enable_retries", 1),
        ("grpc.per_rpc_retry_buffer_size", RETRY_BUFFER_BYTES),
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.keepalive_time_ms", int(keepalive_s * 1000)),
        ("grpc.keepalive_timeout_ms", 5_000),
        # A pod that comes back is tried within a second or two, not after gRPC's default of two minutes.
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 2_000),
        ("grpc.dns_min_time_between_resolutions_ms", 1_000),
        # A proxy of the environment is for the internet, never for the model server.
        ("grpc.enable_http_proxy", 0),
    ]
    target = target_of(address)
    if credentials is None:
        return grpc.insecure_channel(target, options)
    return grpc.secure_channel(target, credentials, options)
