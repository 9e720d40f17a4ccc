"""Decide who may ask what: API keys where there is a file of them, and a rate for each key or address.

Everything needs a key but the addresses in OPEN: a route that is added later is closed by itself. gateway.front asks
here before it reads a body, so a stranger's takes no memory.
"""

import math
from collections.abc import MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.callers import caller_of, site_of
from gateway.keys import Keys, KeysError
from gateway.metrics import Metrics
from gateway.problems import RATE_LIMITED, UNAUTHORIZED, Problem
from gateway.rates import Limiter, Rate
from gateway.settings import Settings, SettingsError

# Probes, what says how to ask, and the page: none of them costs much or tells anything. As routes have them.
OPEN = frozenset(
    {
        "/",
        "/static/<path:filename>",
        "/docs",
        "/openapi.json",
        "/healthz",
        "/readyz",
        "/metrics",
        "/version",
        "/v2/health/live",
        "/v2/health/ready",
    }
)


# Where a request's environment (WSGI) tells who asks, once it has been to the door.
CALLER = "gateway.caller"
_STATIC = "/static/"

Environment = MutableMapping[str, Any]


@dataclass(frozen=True)
class Caller:
    """Who asks.

    Attributes:
        name: a key's name or an address, for the log.
        bucket: what its requests are counted under.
        rate: of its own or the common one; None where nothing is counted.
        refusal: why it is not let in, whatever its rate.
    """

    name: str
    bucket: str
    rate: Rate | None
    refusal: Problem | None = None


class Access:
    """The door; safe to use from many threads.

    Args:
        settings: see GATEWAY_API_KEYS_FILE, GATEWAY_RATE_PER_S, GATEWAY_RATE_BURST, GATEWAY_TRUSTED_PROXIES.
        metrics: where refusals are counted.
    Raises: SettingsError, where the file of keys cannot be used.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._trusted = settings.trusted_proxies
        self._rate = Rate(settings.rate_per_s, settings.rate_burst) if settings.rate_per_s else None
        self._keys = _open_keys(settings.api_keys_file)
        self._limiter = Limiter()
        self._metrics = metrics
        if self._keys is not None:
            metrics.api_keys.set_function(self._keys.__len__)
            metrics.api_keys_stale.set_function(self._keys.stale.is_set)

    def admit(self, environment: Environment) -> None:
        """Let a request in, and note in its environment who asks, be it let in or not.

        Raises: Problem: 401 without a key that is known, 429 for more than the caller's rate.
        """
        environment[CALLER] = caller = self._identify(environment)
        if caller.rate is not None:
            self._count(caller.bucket, caller.rate, environment["REQUEST_METHOD"])
        if caller.refusal is not None:
            self._metrics.refuse("key", environment["REQUEST_METHOD"])
            raise caller.refusal

    def charge(self, caller: Caller | None, pictures: int) -> None:
        """Count a request of several pictures as so many: the rate is of what is asked for, not of envelopes."""
        if caller is not None and caller.rate is not None and pictures > 1:
            self._limiter.charge(caller.bucket, caller.rate, pictures - 1)

    def _identify(self, environment: Environment) -> Caller:
        forwarded_for = environment.get("HTTP_X_FORWARDED_FOR", "")
        address = caller_of(environment.get("REMOTE_ADDR", ""), forwarded_for, self._trusted)
        bucket = f"address {site_of(address)}"
        if is_open(environment["PATH_INFO"]):
            return Caller(address, bucket, None)
        if self._keys is None:
            return Caller(address, bucket, self._rate)
        sent = _sent(environment)
        if key := self._keys.find(sent):
            return Caller(key.name, f"key {key.name}", key.rate or self._rate)
        return Caller(address, bucket, self._rate, _unauthorized(sent))

    def _count(self, bucket: str, rate: Rate, method: str) -> None:
        wait_s = self._limiter.take(bucket, rate)
        if wait_s > 0.0:
            self._metrics.refuse("rate", method)
            seconds = math.ceil(wait_s)
            words = f"At most {rate.per_s:g} pictures a second are accepted of you; try again in {seconds} s."
            raise Problem(RATE_LIMITED, words, {"Retry-After": str(seconds)})


def _open_keys(path: str) -> Keys | None:
    try:
        return Keys(Path(path)) if path else None
    except KeysError as error:
        raise SettingsError(f"GATEWAY_API_KEYS_FILE: {error}") from None


def is_open(path: str) -> bool:
    """Say whether a path needs no key: one of OPEN to the letter, or a part of the page."""
    return path in OPEN or path.startswith(_STATIC)


def _sent(environment: Environment) -> str:
    """Give the key of `Authorization: Bearer` or `X-API-Key`; empty where there is none."""
    scheme, _, token = environment.get("HTTP_AUTHORIZATION", "").partition(" ")
    return str(token.strip(" \t") if scheme.lower() == "bearer" else environment.get("HTTP_X_API_KEY", ""))


def _unauthorized(sent: str) -> Problem:
    # Of RFC 6750: an error is named only where a key was sent.
    challenge = 'Bearer realm="image-classifiers"' + (', error="invalid_token"' if sent else "")
    words = "This API key is not known." if sent else "Send your API key as Authorization: Bearer or X-API-Key."
    return Problem(UNAUTHORIZED, words, {"WWW-Authenticate": challenge})
