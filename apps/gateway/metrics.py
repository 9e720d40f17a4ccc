"""What Prometheus scrapes from /metrics."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

# A client may send any word as its method, and each would be a series for ever.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_DROPPED = ("slow-head", "headers", "not-http", "full", "slow-reader")
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The gateway's metrics in a registry of their own, so that two apps of one process do not mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.build = Gauge(
            "gateway_build_info", "What runs, in its labels.", ("commit", "revision", "image"), registry=self.registry
        )
        self.requests = Counter(
            "gateway_requests", "Requests answered.", ("endpoint", "method", "status"), registry=self.registry
        )
        self.request_seconds = Histogram(
            "gateway_request_seconds", "Time to answer.", ("endpoint",), buckets=_SECONDS, registry=self.registry
        )
        self.in_flight = Gauge("gateway_in_flight", "Predictions being worked on.", registry=self.registry)
        self.stage_busy = Gauge(
            "gateway_stage_busy", "Places taken of a stage: fetch, decode, predict.", ("stage",), registry=self.registry
        )
        self.stage_waiting = Gauge(
            "gateway_stage_waiting", "Pictures that wait for a place.", ("stage",), registry=self.registry
        )
        self.stage_wait_seconds = Histogram(
            "gateway_stage_wait_seconds", "Time they waited.", ("stage",), buckets=_SECONDS, registry=self.registry
        )
        self.stage_refusals = Counter(
            "gateway_stage_refusals", "Pictures for which a stage had no room.", ("stage",), registry=self.registry
        )
        self.pictures = Counter(
            "gateway_pictures", "Pictures by what became of them.", ("source", "outcome"), registry=self.registry
        )
        self.fetch_seconds = Histogram(
            "gateway_fetch_seconds", "Time to fetch a URL.", buckets=_SECONDS, registry=self.registry
        )
        self.decode_seconds = Histogram(
            "gateway_decode_seconds", "Time to decode and resize.", buckets=_SECONDS, registry=self.registry
        )
        self.predict_seconds = Histogram(
            "gateway_predict_seconds",
            "Time of the model server.",
            ("model", "version"),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.refused = Counter(
            "gateway_refused",
            "Requests that were not let in, by what they lacked: key or rate.",
            ("reason", "method"),
            registry=self.registry,
        )
        for reason in ("key", "rate"):  # an alert subtracts them, which it cannot while there are none
            self.refused.labels(reason, "POST")
        self.api_keys = Gauge("gateway_api_keys", "API keys that are accepted.", registry=self.registry)
        self.api_keys_stale = Gauge(
            "gateway_api_keys_stale",
            "1 while the file of keys has changed to what cannot be used.",
            registry=self.registry,
        )
        self.connections = Gauge("gateway_connections", "Open connections.", registry=self.registry)
        self.connections_dropped = Counter(
            "gateway_connections_dropped",
            f"Connections that were closed: {', '.join(_DROPPED)}.",
            ("reason",),
            registry=self.registry,
        )
        for reason in _DROPPED:
            self.connections_dropped.labels(reason)
        # Of no use but to alert: 502 is also what a picture's host that fails gives.
        self.model_mismatches = Counter(
            "gateway_model_mismatches",
            "Requests without an answer because the model, or its server, does not keep its contract.",
            registry=self.registry,
        )
        self.model_server_given_up = Gauge(
            "gateway_model_server_given_up",
            "1 while calls to the model server are refused because it does not answer.",
            registry=self.registry,
        )
        # Of no use but to alert: a label that should lead to a version and does not.
        self.canary_fallbacks = Counter(
            "gateway_canary_fallbacks",
            "Requests whose version, by its label, was not there or failed, so that another one answered.",
            ("model", "label"),
            registry=self.registry,
        )

    def observe(self, endpoint: str, method: str, status: int, took_s: float) -> None:
        """Count an answered request."""
        self.requests.labels(endpoint, _known(method), str(status)).inc()
        self.request_seconds.labels(endpoint).observe(took_s)

    def refuse(self, reason: str, method: str) -> None:
        """Count a request that was not let in."""
        self.refused.labels(reason, _known(method)).inc()


def _known(method: str) -> str:
    return method if method in _METHODS else "other"
