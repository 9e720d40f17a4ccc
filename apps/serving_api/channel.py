"""Open channels to a model server that spread, retry and notice dead peers."""

import json
from typing import Any

import grpc

from serving_api.services import MODEL_SERVICE, PREDICTION_SERVICE

# Below this, gRPC drops the copy it needs for a retry: its default of 256 KiB is less than two pictures of 224 px.
RETRY_BUFFER_BYTES = 16 * 1024 * 1024
MAX_MESSAGE_BYTES = 64 * 1024 * 1024

# A server that hangs keeps its connections: after so long a silence on one with calls under way it is asked whether it
# lives, and without an answer the calls go elsewhere. A server with gRPC's defaults takes the fourth question in a row
# for an attack and hangs up, so calls of up to 10 s are safe with any; base/model-server/deployment.yaml allows more.
KEEPALIVE_TIME_MS = 3_000
KEEPALIVE_TIMEOUT_MS = 2_000

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
    address: str, *, credentials: grpc.ChannelCredentials | None = None, server_name: str = ""
) -> grpc.Channel:
    """Open a channel with round robin over all addresses, retries and keepalive.

    It connects at the first call. Open it after a fork: a channel does not survive one.

    Args:
        address: `host:port` (a headless Service in Kubernetes: one address a pod) or a gRPC target.
        credentials: TLS; none means plain text.
        server_name: what the server's certificate must name; empty: the address's host.
    """
    options: list[tuple[str, Any]] = [
        ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
        # Or a new channel would share the connections of one that is in trouble.
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.enable_retries", 1),
        ("grpc.per_rpc_retry_buffer_size", RETRY_BUFFER_BYTES),
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.keepalive_time_ms", KEEPALIVE_TIME_MS),
        ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_MS),
        # While a ping of gRPC's own (for bandwidth) waits for its answer, a minute long, no other one is sent.
        ("grpc.http2.ping_timeout_ms", KEEPALIVE_TIMEOUT_MS),
        ("grpc.http2.max_pings_without_data", 0),  # gRPC would ask twice, and then once a minute
        # A pod that comes back is tried within a second or two, not after gRPC's default of two minutes.
        ("grpc.initial_reconnect_backoff_ms", 100),
        # The time of one attempt: a host that is switched off does not refuse, it is silent.
        ("grpc.min_reconnect_backoff_ms", 3_000),
        ("grpc.max_reconnect_backoff_ms", 2_000),
        ("grpc.dns_min_time_between_resolutions_ms", 1_000),
        # A proxy of the environment is for the internet, never for the model server.
        ("grpc.enable_http_proxy", 0),
    ]
    target = target_of(address)
    if credentials is None:
        return grpc.insecure_channel(target, options)
    if server_name:
        options.append(("grpc.ssl_target_name_override", server_name))
    return grpc.secure_channel(target, credentials, options)
