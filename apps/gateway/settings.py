"""The gateway's settings: every GATEWAY_* variable, read once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from gateway.callers import Network, read_networks
from gateway.foreign import ForeignModel, ForeignModelError, read_foreign_models
from gateway.origins import read_origins
from gateway.shares import Share, read_shares
from gateway.urls import read_contact, read_hosts

Value = TypeVar("Value")

_SPARE_THREADS = 16


class SettingsError(ValueError):
    """Report a variable that cannot be used; the message names it."""


@dataclass(frozen=True)
class Settings:
    """What a gateway is told from outside; README.md explains each by its variable, GATEWAY_ and the field's name."""

    model_server: str = "localhost:8500"
    models: tuple[str, ...] = ("pizza",)
    model_config_file: tuple[str, ...] = ()  # the names in it; `models` says them too unless it is set itself
    foreign_models: Mapping[str, ForeignModel] | None = None
    canaries: Mapping[str, Share] | None = None
    host: str = "0.0.0.0"  # noqa: S104 - a container's port is published from all addresses; `make run` narrows it
    port: int = 9696
    max_fetches: int = 128
    max_decodes: int = 2
    decode_places: int | None = None  # gateway.places.default_places()
    max_in_flight: int = 4
    max_waiting: int = 16
    max_connections: int = 2000
    max_header_bytes: int = 16 * 2**10
    max_buffered_bytes: int = 128 * 2**20
    read_timeout_s: float = 5.0
    body_timeout_s: float = 30.0
    timeout_s: float = 10.0
    fetch_timeout_s: float = 5.0
    max_body_bytes: int = 16 * 2**20
    max_image_bytes: int = 10 * 2**20
    max_pixels: int = 50_000_000  # gateway.pictures.MAX_PIXELS, which would bring Pillow into `gateway verify`
    max_instances: int = 16
    catalog_ttl_s: float = 5.0
    url_hosts: tuple[str, ...] = ()  # any public one
    contact: str = ""
    allow_loopback_urls: bool = False
    api_keys_file: str = ""
    rate_per_s: float = 0.0  # no limit
    rate_burst: int = 20
    trusted_proxies: tuple[Network, ...] = ()
    cors_origins: tuple[str, ...] = ()
    hsts_s: int = 0  # says nothing
    log_format: str = "json"
    log_level: str = "info"
    metrics_port: int = 0  # /metrics is at `port`
    model_server_ca_file: str = ""
    model_server_cert_file: str = ""
    model_server_key_file: str = ""
    model_server_name: str = ""
    commit: str = "unknown"
    revision: str = "unknown"
    image: str = "unknown"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the settings; a variable that is missing or empty keeps its default.

        Raises: SettingsError, naming the variable.
        """
        values = {
            field: _read(variable_of(field), environment[variable_of(field)].strip(), parse)
            for field, parse in _PARSERS.items()
            if environment.get(variable_of(field), "").strip()
            and not _is_service_link(field, environment[variable_of(field)])
        }
        if values.get("model_config_file"):
            values.setdefault("models", values["model_config_file"])
        settings = cls(**values)  # type: ignore[arg-type]  # each parser returns its field's type
        settings.check_tls()
        if settings.allow_loopback_urls and environment.get("KUBERNETES_SERVICE_HOST"):
            raise SettingsError("GATEWAY_ALLOW_LOOPBACK_URLS=1 is for development, and refused inside Kubernetes")
        if unknown := set(settings.canaries or ()) - set(settings.models):
            raise SettingsError(f"GATEWAY_CANARIES names {', '.join(sorted(unknown))}, which is not among the models")
        return settings

    @property
    def threads(self) -> int:
        """Say how many predictions may be under way: what the stages take, and some for what lies between them."""
        places = self.max_fetches + self.max_decodes + self.max_in_flight
        return places + len(("fetch", "decode", "predict")) * self.max_waiting + _SPARE_THREADS

    def check_tls(self) -> None:
        """Refuse half of what TLS to the model server needs. Raises: SettingsError."""
        if bool(self.model_server_cert_file) != bool(self.model_server_key_file):
            raise SettingsError("GATEWAY_MODEL_SERVER_CERT_FILE and GATEWAY_MODEL_SERVER_KEY_FILE go together")
        if (self.model_server_cert_file or self.model_server_name) and not self.model_server_ca_file:
            raise SettingsError(
                "GATEWAY_MODEL_SERVER_CERT_FILE and GATEWAY_MODEL_SERVER_NAME are for TLS: "
                "GATEWAY_MODEL_SERVER_CA_FILE says whom to trust"
            )


def variable_of(field: str) -> str:
    """Name the environment variable of a field of Settings."""
    return f"GATEWAY_{field.upper()}"


def _is_service_link(field: str, text: str) -> bool:
    # Kubernetes gives every pod beside a Service named `gateway` GATEWAY_PORT=tcp://10.0.0.1:80: not meant for us.
    return field == "port" and text.startswith("tcp://")


def _read(variable: str, text: str, parse: Callable[[str], Value]) -> Value:
    try:
        return parse(text)
    except (ValueError, ForeignModelError) as error:
        raise SettingsError(f"{variable}={text!r}: {error}") from None


def _integer(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return int(text)

    return parse


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 < value <= 3600.0:  # noqa: PLR2004 - an hour; also refuses NaN
        raise ValueError("must be seconds, more than 0 and at most 3600")
    return value


def _rate(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= 1e6:  # noqa: PLR2004 - also refuses NaN
        raise ValueError("must be requests a second, 0 for no limit, at most 1000000")
    return value


def _one_of(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(f"must be {', '.join(words[:-1])} or {words[-1]}")
        return text

    return parse


def _switch(text: str) -> bool:
    if text not in ("0", "1"):
        raise ValueError("must be 0 or 1")
    return text == "1"


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names or len(set(names)) < len(names):
        raise ValueError("must be different model names, separated by commas")
    if any(set(name) & set("/:?#%") for name in names):
        raise ValueError("a model name holds none of / : ? # %")
    return names


def _model_names(path: str) -> tuple[str, ...]:
    # Imported here: only a gateway that is given a list needs protobuf before its workers start.
    from google.protobuf import text_format

    from serving_api import config_pb2

    try:
        listed = text_format.Parse(Path(path).read_text(encoding="utf-8"), config_pb2.ModelServerConfig())
    except OSError as error:
        raise ValueError(str(error.strerror)) from error
    except text_format.ParseError as error:
        raise ValueError(f"is no model server's list of models: {error}") from error
    return _names(",".join(model.name for model in listed.model_config_list.config))


def _target(text: str) -> str:
    port = text.rpartition(":")[2]
    if not (port.isascii() and port.isdigit()):
        raise ValueError("must be host:port of the model server's gRPC")
    return text


def _foreign(text: str) -> Mapping[str, ForeignModel]:
    return read_foreign_models(Path(text))


_PARSERS: dict[str, Callable[[str], object]] = {
    "model_server": _target,
    "models": _names,
    "model_config_file": _model_names,
    "foreign_models": _foreign,
    "canaries": read_shares,
    "host": str,
    "port": _integer(1, 65535),
    "max_fetches": _integer(1, 1024),
    "max_decodes": _integer(1, 64),
    "decode_places": _integer(1, 64),
    "max_in_flight": _integer(1, 256),
    "max_waiting": _integer(0, 1024),
    "max_connections": _integer(16, 60_000),
    "max_header_bytes": _integer(1024, 2**20),
    "max_buffered_bytes": _integer(2**20, 2**34),
    "read_timeout_s": _seconds,
    "body_timeout_s": _seconds,
    "timeout_s": _seconds,
    "fetch_timeout_s": _seconds,
    "max_body_bytes": _integer(1024, 2**30),
    "max_image_bytes": _integer(1024, 2**30),
    "max_pixels": _integer(10_000, 10**9),
    "max_instances": _integer(1, 1024),
    "catalog_ttl_s": _seconds,
    "url_hosts": read_hosts,
    "contact": read_contact,
    "allow_loopback_urls": _switch,
    "api_keys_file": str,
    "rate_per_s": _rate,
    "rate_burst": _integer(1, 100_000),
    "trusted_proxies": read_networks,
    "cors_origins": read_origins,
    "hsts_s": _integer(0, 63_072_000),
    "log_format": _one_of("json", "text"),
    "log_level": _one_of("debug", "info", "warning", "error"),
    "metrics_port": _integer(0, 65535),
    "model_server_ca_file": str,
    "model_server_cert_file": str,
    "model_server_key_file": str,
    "model_server_name": str,
    "commit": str,
    "revision": str,
    "image": str,
}
