"""The alerts of components/monitoring on drawn series, judged by Prometheus' own engine.

They are silent when all is well, and each mishap fires exactly those that tell of it.
"""

import math
import re
from collections.abc import Callable, Sequence

import pytest

from gateway.metrics import _SECONDS as GATEWAY_LIMITS
from model_server.metrics import _QUEUE_BUCKETS_US as QUEUE_LIMITS
from tests.manifests.expressions import alerts, evaluate, read_rules

STEP_S = 30
STEPS = 81  # 40 minutes
SOUND = 20  # steps before a mishap: ten minutes
QUEUE = ":tensorflow:serving:batching_session:queuing_latency"
LOADS = ":tensorflow:cc:saved_model:load_attempt_count"
WARM_UPS = ":tensorflow:serving:model_warmup_latency"
PODS = {"gateway": ("gateway-1", "gateway-2"), "model-server": ("model-server-1", "model-server-2")}


class World(dict):
    """Values of series by name and labels; those of a pod get the labels that the operator adds."""

    def gauge(self, job: str, name: str, value: float, **labels: str):
        """Draw a value that stays, on each pod."""
        for pod in PODS[job]:
            self[name, *sorted({"job": job, "namespace": "classifiers", "pod": pod, **labels}.items())] = [
                value
            ] * STEPS

    def counter(self, job: str, name: str, rate: float, **labels: str):
        """Draw a count that grows by `rate` a second, on each pod; where it was there before, from minute 10 on."""
        for pod in PODS[job]:
            key = (name, *sorted({"job": job, "namespace": "classifiers", "pod": pod, **labels}.items()))
            values = self.get(key, [])[:SOUND]
            while len(values) < STEPS:
                values.append((values[-1] if values else 0) + rate * STEP_S)
            self[key] = values

    def histogram(self, job: str, name: str, observed: dict[float, float], limits: Sequence[float], **labels: str):
        """Draw ten observations a second, a share of them at each value, in the program's own buckets."""
        for limit in (*limits, math.inf):
            share = sum(share for value, share in observed.items() if value <= limit)
            le = "+Inf" if math.isinf(limit) else str(limit)
            self.counter(job, f"{name}_bucket", 10 * share, le=le, **labels)

    def drop(self, **labels: str):
        """End the series with these labels at the tenth minute."""
        for key, values in self.items():
            if labels.items() <= dict(key[1:]).items():
                values[SOUND:] = [None] * (STEPS - SOUND)

    def series(self) -> list[dict]:
        """Give them as the engine reads them."""
        return [{"labels": {"__name__": key[0], **dict(key[1:])}, "values": values} for key, values in self.items()]


def requests(world: World, rate: float, status: str, endpoint="/v1/models/<name>:predict", method="POST"):
    world.counter("gateway", "gateway_requests_total", rate, endpoint=endpoint, method=method, status=status)


def sound() -> World:
    """Draw traffic with callers' mistakes, slow hosts and a load that was tried twice: nothing to wake anybody for."""
    world = World()
    for job in PODS:
        world.gauge(job, "up", 1)
        world.gauge(job, "process_resident_memory_bytes", 300 * 2**20)
    requests(world, 10, "200")
    requests(world, 2, "415")
    requests(world, 1, "502")
    requests(world, 0.1, "429")
    world.counter("gateway", "gateway_refused_total", 0, method="POST", reason="rate")
    world.gauge("gateway", "gateway_api_keys_stale", 0)
    world.counter("gateway", "gateway_model_mismatches_total", 0)
    requests(world, 0.05, "500")
    requests(world, 0.2, "200", "/readyz", "GET")
    requests(world, 0.01, "503", "/readyz", "GET")
    answers_take(world, {0.04: 0.9, 0.09: 0.09, 0.4: 0.01})
    model_takes(world, {0.02: 0.9, 0.09: 0.09, 0.2: 0.01})
    queue_takes(world, {500: 0.9, 1000: 0.09, 2000: 0.01})
    for status, count in (("fail", 1), ("success", 1)):
        world.gauge("model-server", LOADS, count, model_path="/models/pizza/2", status=status)
    world.gauge("model-server", f"{WARM_UPS}_count", 1, model_path="/models/pizza/2", status="OK")
    return world


def answers_take(world: World, seconds: dict[float, float]):
    endpoint = "/v1/models/<name>:predict"
    world.histogram("gateway", "gateway_request_seconds", seconds, GATEWAY_LIMITS, endpoint=endpoint)


def model_takes(world: World, seconds: dict[float, float]):
    world.histogram("gateway", "gateway_predict_seconds", seconds, GATEWAY_LIMITS, model="pizza", version="2")


def queue_takes(world: World, microseconds: dict[float, float]):
    world.histogram("model-server", QUEUE, microseconds, QUEUE_LIMITS, thread_pool_name="threads")


def one_pod_away(world: World):
    for key, values in world.items():
        if key[0] == "up" and ("pod", "gateway-1") in key:
            values[SOUND:] = [0] * (STEPS - SOUND)


def readiness_fails(world: World):
    requests(world, 0, "200", "/readyz", "GET")
    requests(world, 0.2, "503", "/readyz", "GET")


def over_rate(world: World):
    requests(world, 5, "429")
    world.counter("gateway", "gateway_refused_total", 5, method="POST", reason="rate")


def memory_grows(world: World):
    world.gauge("gateway", "process_resident_memory_bytes", 900 * 2**20)


def load_fails(world: World):
    world.gauge("model-server", LOADS, 2, model_path="/models/pizza/3", status="fail")


def warm_up_fails(world: World):
    world.gauge("model-server", LOADS, 1, model_path="/models/pizza/3", status="success")
    world.gauge("model-server", f"{WARM_UPS}_count", 1, model_path="/models/pizza/3", status="INVALID_ARGUMENT")


MISHAPS: dict[str, tuple[Callable[[World], object], set[str]]] = {
    "every gateway is gone": (lambda world: world.drop(job="gateway"), {"GatewayDown"}),
    "every model server is gone": (lambda world: world.drop(job="model-server"), {"ModelServerDown"}),
    "one pod is not scraped": (one_pod_away, {"PodNotScraped"}),
    "no model answers": (readiness_fails, {"GatewayNoModel"}),
    "predictions fail": (lambda world: requests(world, 1, "500"), {"GatewayErrors"}),
    "one model of several is not there": (lambda world: requests(world, 1, "503"), {"GatewayErrors"}),
    "predictions run out of time": (lambda world: requests(world, 1, "504"), {"GatewayErrors"}),
    "callers send nonsense": (lambda world: requests(world, 20, "400"), set()),
    "a picture host fails": (lambda world: requests(world, 20, "502"), set()),
    "answers are slow": (lambda world: answers_take(world, {0.1: 0.9, 7: 0.1}), {"GatewaySlow"}),
    "too much at once": (lambda world: requests(world, 2, "429"), {"GatewayOverCapacity"}),
    "one caller is over its rate": (over_rate, set()),
    "the file of keys is spoilt": (
        lambda world: world.gauge("gateway", "gateway_api_keys_stale", 1),
        {"ApiKeysStale"},
    ),
    "memory grows": (memory_grows, {"GatewayMemoryHigh"}),
    "a version does not load": (load_fails, {"ModelLoadFailed"}),
    "a version fails its warm-up": (warm_up_fails, {"ModelLoadFailed"}),
    "the model answers NaN": (
        lambda world: world.counter("gateway", "gateway_model_mismatches_total", 1),
        {"ModelMismatch"},
    ),
    "the model is slow": (lambda world: model_takes(world, {0.1: 0.9, 2: 0.1}), {"ModelSlow"}),
    "the queue grows": (lambda world: queue_takes(world, {500: 0.9, 400_000: 0.1}), {"ModelServerQueueing"}),
    "the canary fails": (
        lambda world: world.counter("gateway", "gateway_canary_fallbacks_total", 1, model="pizza", label="canary"),
        {"CanaryFallsBack"},
    ),
    "nobody calls": (lambda world: requests(world, 0, "200"), set()),
}


def firing(world: World) -> dict[str, int]:
    """Give the alerts that fire, each with the first step: its expression held for as long as its `for`."""
    rules = alerts()
    answers = evaluate(world.series(), [rule["expr"] for rule in rules.values()], STEP_S)
    found = {}
    for (name, rule), answer in zip(rules.items(), answers, strict=True):
        for series in answer:
            begun = since = None
            for at_s, _ in series["values"]:
                since = at_s if begun is None or at_s > begun + STEP_S else since
                begun = at_s
                if at_s - since >= seconds(rule["for"]):
                    found.setdefault(name, int(at_s) // STEP_S)
                    break
    return found


def seconds(duration: str) -> int:
    number, unit = re.fullmatch(r"(\d+)([sm])", duration).groups()
    return int(number) * {"s": 1, "m": 60}[unit]


def test_silent_when_all_is_well():
    """With traffic, callers' mistakes and a load that was tried twice, no alert fires, nor is about to."""
    answers = evaluate(sound().series(), [rule["expr"] for rule in alerts().values()], STEP_S)
    assert {} == {name: series for name, series in zip(alerts(), answers, strict=True) if series}


@pytest.mark.parametrize("mishap", MISHAPS)
def test_a_mishap_fires_what_tells_of_it(mishap):
    """Each mishap fires exactly the alerts that tell of it, within half an hour."""
    happen, expected = MISHAPS[mishap]
    world = sound()
    happen(world)
    assert expected == set(firing(world))


def test_every_alert_has_a_mishap():
    """No alert is there that nothing here makes fire."""
    assert set(alerts()) == set().union(*(expected for _, expected in MISHAPS.values()))


def test_prometheus_reads_every_rule():
    """Prometheus takes the rules as they are, and would not take an annotation that calls what it does not know."""
    read_rules(alerts().values())
    broken = {"alert": "Broken", "expr": "up == 0", "annotations": {"summary": "{{ $value | humanizeNothing }}"}}
    with pytest.raises(AssertionError, match="humanizeNothing"):
        read_rules([broken])
