"""Count and time what the server does, under the metric names of TensorFlow Serving.

Dashboards and autoscalers written for the original read these, so names, labels and buckets (microseconds) are its
own. Sources: tensorflow_serving/servables/tensorflow/util.cc, util/prometheus_exporter.cc,
tensorflow/cc/saved_model/loader.cc.
"""

import threading
from collections import Counter
from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

# 10 us to about 20 minutes, each 1.8 times the last.
_LATENCY_BUCKETS_US = tuple(10 * 1.8**power for power in range(33))
# 100 us to about a second.
_QUEUE_BUCKETS_US = tuple(100 * 1.2**power for power in range(52))


class PlainCounter(Collector):
    """A counter whose name stays as it is: prometheus_client would append `_total`, which the original lacks.

    Args:
        name: full metric name.
        documentation: one sentence.
        labels: label names.
        registry: where it is registered.
    """

    def __init__(self, name: str, documentation: str, labels: Sequence[str], registry: CollectorRegistry) -> None:
        self._name = name
        self._documentation = documentation
        self._labels = tuple(labels)
        self._counts: Counter[tuple[str, ...]] = Counter()
        self._lock = threading.Lock()
        registry.register(self)

    def increment(self, *values: str) -> None:
        """Add one to the series with these label values."""
        with self._lock:
            self._counts[values] += 1

    def collect(self) -> Iterator[Metric]:
        """Give all series, as prometheus_client asks for them."""
        metric = Metric(self._name, self._documentation, "untyped")
        with self._lock:
            for values, count in sorted(self._counts.items()):
                metric.add_sample(self._name, dict(zip(self._labels, values, strict=True)), count)
        yield metric


class Metrics:
    """All metrics of one server, in a registry of their own."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = PlainCounter(
            ":tensorflow:serving:request_count", "Requests.", ("model_name", "status"), self.registry
        )
        self._loads = PlainCounter(
            ":tensorflow:cc:saved_model:load_attempt_count",
            "Attempts to load a version.",
            ("model_path", "status"),
            self.registry,
        )
        self._request_latency = Histogram(
            ":tensorflow:serving:request_latency",
            "Wall time of a request, microseconds.",
            ("model_name", "API", "entrypoint"),
            registry=self.registry,
            buckets=_LATENCY_BUCKETS_US,
        )
        self._runtime_latency = Histogram(
            ":tensorflow:serving:runtime_latency",
            "Wall time of one run of a model, microseconds.",
            ("model_name", "API", "runtime"),
            registry=self.registry,
            buckets=_LATENCY_BUCKETS_US,
        )
        self._warmup_latency = Histogram(
            ":tensorflow:serving:model_warmup_latency",
            "Wall time of a version's warm-up, microseconds.",
            ("model_path", "status"),
            registry=self.registry,
            buckets=_LATENCY_BUCKETS_US,
        )
        self._queuing_latency = Histogram(
            ":tensorflow:serving:batching_session:queuing_latency",
            "Wall time that a request waited in the batching queue, microseconds.",
            ("thread_pool_name",),
            registry=self.registry,
            buckets=_QUEUE_BUCKETS_US,
        )

    def observe_request(self, model: str, entrypoint: str, status: str, duration_s: float) -> None:
        """Record a Predict call: `entrypoint` is GRPC or REST, `status` a gRPC code's name."""
        self._requests.increment(model, status)
        if status == "OK":
            self._request_latency.labels(model, "Predict", entrypoint).observe(duration_s * 1e6)

    def observe_run(self, model: str, duration_s: float) -> None:
        """Record one run of a model, which may answer several batched requests."""
        self._runtime_latency.labels(model, "Predict", "TF1").observe(duration_s * 1e6)

    def observe_load(self, path: str, status: str) -> None:
        """Record one attempt to load the version at a path: `status` is success or fail."""
        self._loads.increment(path, status)

    def observe_warmup(self, path: str, status: str, duration_s: float) -> None:
        """Record the warm-up of the version at a path."""
        self._warmup_latency.labels(path, status).observe(duration_s * 1e6)

    def observe_queuing(self, duration_s: float) -> None:
        """Record how long a request waited for its batch."""
        self._queuing_latency.labels("model_server_batch_threads").observe(duration_s * 1e6)
