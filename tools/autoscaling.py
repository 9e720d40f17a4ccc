"""Load a gateway and watch its autoscalers: a line every few seconds, while the load lasts and until they are back.

    make autoscale URL=http://localhost:9696 NAMESPACE=classifiers-kind

Needs kubectl's context on the cluster, a HorizontalPodAutoscaler in the namespace and a metrics server; what is missing
is said. docs/autoscaling.md walks through it.
"""

import argparse
import json
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from tools.models import DEFAULT, MODELS, versions

TIMEOUT_S = 15.0
SCALE_DOWN_S = 420  # the autoscaler's own 300 s of calm, and the time to see it
Kubectl = Callable[..., str]


class AutoscalingError(Exception):
    """Something that a person must mend; its text is the whole message."""


@dataclass(frozen=True)
class Scaler:
    """A HorizontalPodAutoscaler at one moment; percent are of the processor that pods request."""

    name: str
    replicas: int
    desired: int
    used_percent: int | None = None
    target_percent: int | None = None
    trouble: str = ""

    def __str__(self) -> str:
        """Say it in a few words: `gateway 1 -> 3 (240 % of 70 %)`."""
        used = "?" if self.used_percent is None else str(self.used_percent)
        change = f"{self.replicas} -> {self.desired}" if self.desired != self.replicas else str(self.replicas)
        return f"{self.name} {change} ({used} % of {self.target_percent} %){self.trouble and ': ' + self.trouble}"


class Load:
    """A context in which some threads send one picture after the other, each over a connection of its own."""

    def __init__(self, url: str, body: bytes, workers: int) -> None:
        self._request = urllib.request.Request(f"{url}/predict", body, {"Content-Type": "image/png"})  # noqa: S310
        self._answers: Counter[str] = Counter()
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(workers)]

    def __enter__(self) -> Self:
        """Begin."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Send no more and wait for what is under way."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def taken(self) -> Counter[str]:
        """Give the answers since the last call, by status or name of the error."""
        with self._lock:
            answers, self._answers = self._answers, Counter()
        return answers

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with urllib.request.urlopen(self._request, timeout=TIMEOUT_S) as response:  # noqa: S310 - as given
                    answer = str(response.status)
                    response.read()
            except urllib.error.HTTPError as error:
                answer = str(error.code)
            except OSError as error:
                answer = type(error).__name__
            with self._lock:
                self._answers[answer] += 1
            if answer != "200":
                self._stop.wait(0.1)  # who is turned away does not hammer


def scalers(kubectl: Kubectl) -> list[Scaler]:
    """Ask for the namespace's autoscalers, by name. Raises: AutoscalingError."""
    return sorted(map(_scaler, json.loads(kubectl("get", "hpa", "-o", "json"))["items"]), key=lambda one: one.name)


def _scaler(found: Mapping[str, Any]) -> Scaler:
    status = found.get("status", {})
    conditions = {one["type"]: one for one in status.get("conditions") or ()}
    active = conditions.get("ScalingActive", {"status": "True"})
    return Scaler(
        found["metadata"]["name"],
        status.get("currentReplicas", 0),
        status.get("desiredReplicas", 0),
        _percent(status.get("currentMetrics"), "current"),
        _percent(found["spec"].get("metrics"), "target"),
        "" if active["status"] == "True" else active["message"],
    )


def _percent(metrics: Iterable[Mapping[str, Any]] | None, side: str) -> int | None:
    cpu = (one["resource"] for one in metrics or () if one.get("resource", {}).get("name") == "cpu")
    found: Mapping[str, Any] = next(cpu, {})
    percent: int | None = found.get(side, {}).get("averageUtilization")
    return percent


def check(kubectl: Kubectl, namespace: str) -> None:
    """See that there is something to watch, and that it can see. Raises: AutoscalingError, which says what to do."""
    if not scalers(kubectl):
        raise AutoscalingError(
            f"{namespace} has no autoscaler (overlays/kind takes them away): "
            f"kubectl -n {namespace} autoscale deployment gateway --min=1 --max=4 --cpu-percent=70"
        )
    try:
        kubectl("get", "--raw", f"/apis/metrics.k8s.io/v1beta1/namespaces/{namespace}/pods")
    except AutoscalingError as error:
        raise AutoscalingError(f"no metrics server answers, so nothing scales: docs/autoscaling.md ({error})") from None


def watch(kubectl: Kubectl, load: Load, seconds: float, after_s: float, interval_s: float) -> bool:
    """Print a line each interval: under load, and after it until as few pods are left as before.

    Returns: whether any autoscaler made more pods.
    """
    before = {one.name: one.replicas for one in scalers(kubectl)}
    most, start = dict(before), time.monotonic()
    with load:
        while time.monotonic() - start < seconds:
            time.sleep(interval_s)
            most = _line(kubectl, start, load.taken(), interval_s, most)
    end = time.monotonic()
    while time.monotonic() - end < after_s and {one.name: one.replicas for one in scalers(kubectl)} != before:
        time.sleep(interval_s)
        _line(kubectl, start, load.taken(), interval_s, most)
    print("most: " + ", ".join(f"{name} {before.get(name, 0)} -> {count}" for name, count in most.items()))
    return most != before


def _line(
    kubectl: Kubectl, start: float, answers: Counter[str], interval_s: float, most: Mapping[str, int]
) -> dict[str, int]:
    seen = scalers(kubectl)
    others = "".join(f", {count} x {answer}" for answer, count in sorted(answers.items()) if answer != "200")
    rate = f"{answers['200'] / interval_s:5.1f} answers/s{others}"
    print(f"{time.monotonic() - start:5.0f} s  {rate}  {'; '.join(map(str, seen))}", flush=True)
    return {**most, **{one.name: max(one.replicas, most.get(one.name, 0)) for one in seen}}


def kubectl_in(namespace: str) -> Kubectl:
    """Give kubectl for a namespace of its present context."""

    def run(*arguments: str) -> str:
        try:
            done = subprocess.run(
                ["kubectl", "-n", namespace, *arguments], capture_output=True, text=True, check=False, timeout=TIMEOUT_S
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise AutoscalingError(f"kubectl: {error}") from None
        if done.returncode:
            raise AutoscalingError(f"kubectl {arguments[0]}: {done.stderr.strip()}")
        return done.stdout

    return run


def main(argv: Sequence[str] | None = None) -> int:
    """Show it. Returns: the exit status: 1 where nothing was scaled, 2 where nothing could be shown."""
    parser = argparse.ArgumentParser(prog="make autoscale", description=__doc__.partition("\n")[0])
    parser.add_argument("--url", default="http://localhost:9696", help="the gateway (%(default)s)")
    parser.add_argument("--namespace", default="classifiers-kind", help="where it runs (%(default)s)")
    parser.add_argument("--workers", type=int, default=8, help="pictures on their way at a time (%(default)s)")
    parser.add_argument("--seconds", type=float, default=180, help="how long the load lasts (%(default)s)")
    parser.add_argument("--after", type=float, default=SCALE_DOWN_S, help="how long to watch after it (%(default)s)")
    parser.add_argument("--interval", type=float, default=5, help="seconds a line (%(default)s)")
    given = parser.parse_args(argv)
    golden = min((MODELS / DEFAULT / str(versions(DEFAULT)[-1]) / "golden").glob("*.png"))
    kubectl = kubectl_in(given.namespace)
    try:
        check(kubectl, given.namespace)
        load = Load(given.url, golden.read_bytes(), given.workers)
        return 0 if watch(kubectl, load, given.seconds, given.after, given.interval) else 1
    except AutoscalingError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
