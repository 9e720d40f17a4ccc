"""Read what TLS to the model server takes: whom to trust, and what to show where it asks for it.

Read once: certificates that change need a restart. The model server reads its own (`--ssl_config_file`) once as well.
"""

import ssl
from dataclasses import dataclass
from pathlib import Path

import grpc

from gateway.settings import Settings, SettingsError, variable_of


@dataclass(frozen=True)
class Tls:
    """Credentials for channels, and the name that must be in the model server's certificate."""

    credentials: grpc.ChannelCredentials
    server_name: str


def read_tls(settings: Settings) -> Tls | None:
    """Read certificates and key; None for plain text.

    gRPC would say nothing about a file of another kind until the first call fails, so they are tried here.

    Raises: SettingsError, naming the variable.
    """
    if not settings.model_server_ca_file:
        return None
    roots = _read(settings, "model_server_ca_file")
    shown = key = None
    if settings.model_server_cert_file:
        shown, key = (_read(settings, field) for field in ("model_server_cert_file", "model_server_key_file"))
        _try_pair(settings)
    credentials = grpc.ssl_channel_credentials(roots, key, shown)
    return Tls(credentials, settings.model_server_name or _host(settings.model_server))


def _read(settings: Settings, field: str) -> bytes:
    path = getattr(settings, field)
    try:
        data = Path(path).read_bytes()
        if field == "model_server_ca_file":
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except ssl.SSLError:
        raise SettingsError(f"{variable_of(field)}={path!r}: holds no certificate in PEM") from None
    except OSError as error:
        raise SettingsError(f"{variable_of(field)}={path!r}: {error.strerror}") from None
    return data


def _try_pair(settings: Settings) -> None:
    """See that certificate and key belong together; an encrypted key is refused, as there is nobody to ask."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(
            settings.model_server_cert_file, settings.model_server_key_file, password=lambda: b""
        )
    except ssl.SSLError:
        raise SettingsError(
            f"GATEWAY_MODEL_SERVER_CERT_FILE={settings.model_server_cert_file!r} and "
            f"GATEWAY_MODEL_SERVER_KEY_FILE={settings.model_server_key_file!r}: are no PEM certificate and its key"
        ) from None


def _host(target: str) -> str:
    """Give the host of `dns:///host:port`, which is what people put into a certificate."""
    return target.rpartition("/")[2].rpartition(":")[0].strip("[]")
