"""Decide who may ask what: API keys where there is a file of them, and a rate for each key or address.

Everything needs a key but the addresses in OPEN: a route that is added later is closed by itself. Runs before a body
is read, so a stranger's is never looked at.
"""

import math
from dataclasses import dataclass
from pathlib import Path

from flask import Request

from gateway.callers import caller_of, site_of
from gateway.keys import Key, Keys
from gateway.metrics import Metrics
from gateway.problems import RATE_LIMITED, UNAUTHORIZED, Problem
from gateway.rates import Limiter, Rate
from gateway.settings import Settings

# Probes, what says how to ask, and the page: none of them costs much or tells anything. By route, not by path.
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


@dataclass(frozen=True)
class Caller:
    """Who asks: `name` is a key's name or an address, for the log; `bucket` is what its requests are counted under."""

    name: str
    bucket: str
    rate: Rate | None


class Access:
    """The door; safe to use from many threads.

    Args:
        settings: see GATEWAY_API_KEYS_FILE, GATEWAY_RATE_PER_S, GATEWAY_RATE_BURST, GATEWAY_TRUSTED_PROXIES.
        metrics: where refusals are counted.
    Raises: KeysError, where the file of keys cannot be used.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._trusted = settings.trusted_proxies
        self._rate = Rate(settings.rate_per_s, settings.rate_burst) if settings.rate_per_s else None
        self._keys = Keys(Path(settings.api_keys_file)) if settings.api_keys_file else None
        self._limiter = Limiter()
        self._refused = metrics.refused
        if self._keys is not None:
            metrics.api_keys.set_function(self._keys.__len__)
            metrics.api_keys_stale.set_function(self._keys.stale.is_set)

    def admit(self, request: Request) -> Caller:
        """Let a request in.

        Raises: Problem: 401 without a key that is known, 429 for more than the caller's rate.
        """
        address = caller_of(request.remote_addr or "", request.headers.get("X-Forwarded-For", ""), self._trusted)
        stranger = Caller(address, f"address {site_of(address)}", self._rate)
        if request.url_rule is not None and request.url_rule.rule in OPEN:
            return Caller(address, stranger.bucket, None)
        sent = _sent(request)
        key = self._keys.find(sent) if self._keys else None
        caller = self._known(key) if key else stranger
        if caller.rate is not None:
            self._count(caller.bucket, caller.rate)
        if self._keys and key is None:
            self._refused.labels("key").inc()
            raise _unauthorized(sent)
        return caller

    def charge(self, caller: Caller, pictures: int) -> None:
        """Count a request of several pictures as so many: the rate is of what is asked for, not of envelopes."""
        if caller.rate is not None and pictures > 1:
            self._limiter.charge(caller.bucket, caller.rate, pictures - 1)

    def _known(self, key: Key) -> Caller:
        return Caller(key.name, f"key {key.name}", key.rate or self._rate)

    def _count(self, bucket: str, rate: Rate) -> None:
        wait_s = self._limiter.take(bucket, rate)
        if wait_s > 0.0:
            self._refused.labels("rate").inc()
            seconds = math.ceil(wait_s)
            words = f"At most {rate.per_s:g} pictures a second are accepted of you; try again in {seconds} s."
            raise Problem(RATE_LIMITED, words, {"Retry-After": str(seconds)})


def _sent(request: Request) -> str:
    """Give the key of `Authorization: Bearer` or `X-API-Key`; empty where there is none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else request.headers.get("X-API-Key", "")


def _unauthorized(sent: str) -> Problem:
    # Of RFC 6750: an error is named only where a key was sent.
    challenge = 'Bearer realm="image-classifiers"' + (', error="invalid_token"' if sent else "")
    words = "This API key is not known." if sent else "Send your API key as Authorization: Bearer or X-API-Key."
    return Problem(UNAUTHORIZED, words, {"WWW-Authenticate": challenge})
