"""Rules about how pods come, go and are spread, so that nobody notices."""

from collections.abc import Iterator
from typing import Any

from tools.manifests.configuration import all_settings
from tools.manifests.model import Manifest, Rendering, at
from tools.manifests.rules import rule
from tools.manifests.rules.scaling import least_pods
from tools.manifests.workloads import Container, Pod, each, each_pod, each_server, selects

# Seconds that a gateway may take beyond GATEWAY_TIMEOUT_S, for writing the answer.
_ANSWER_S = 2
_SPREAD_OVER = ("kubernetes.io/hostname", "topology.kubernetes.io/zone")


def _sleep_s(container: Container) -> int:
    return int(at(container.definition, "lifecycle", "preStop", "sleep", "seconds", default=0))


@rule("pre-stop")
@each_server
def pre_stop(container: Container) -> Iterator[str]:
    """Every server sleeps before it stops, so that nobody is sent to it any more."""
    if not _sleep_s(container):
        yield "has no preStop sleep"


@rule("grace-period")
@each_pod
def grace_period(pod: Pod) -> Iterator[str]:
    """A pod that is told to stop has time for its preStop and for the longest request."""
    pause_s = max((_sleep_s(container) for container in pod.containers() if container.serves), default=0)
    request_s = max((settings.timeout_s for settings in all_settings(pod.rendering)), default=0) + _ANSWER_S
    given_s = at(pod.spec, "terminationGracePeriodSeconds", default=30)
    if pause_s and given_s < pause_s + request_s:
        yield f"its pods have {given_s} s to stop, and need {pause_s} s of preStop and {request_s:g} s for a request"


@rule("keep-serving")
@each("Deployment")
def keep_serving(rendering: Rendering, deployment: Manifest) -> Iterator[str]:
    """A rollout never takes the last pod: it says by number how many may be away, fewer than there are."""
    strategy: Any = at(deployment, "spec", "strategy", default={})
    away, least = at(strategy, "rollingUpdate", "maxUnavailable"), least_pods(rendering, deployment)
    if strategy.get("type", "RollingUpdate") != "RollingUpdate":
        yield f"is rolled out by {strategy['type']}"
    elif not isinstance(away, int) or away >= least:
        yield f"may lose its last pod in a rollout: maxUnavailable is {away}, pods are at least {least}"


@rule("progress-deadline")
@each("Deployment")
def progress_deadline(_: Rendering, deployment: Manifest) -> Iterator[str]:
    """A rollout that stands still is given up after a time that somebody chose."""
    if not at(deployment, "spec", "progressDeadlineSeconds"):
        yield "has no progressDeadlineSeconds"


@rule("startup-within-deadline")
@each_pod
def startup_within_deadline(pod: Pod) -> Iterator[str]:
    """A startup probe ends before the rollout's deadline, so that the probe tells why."""
    deadline_s = at(pod.owner, "spec", "progressDeadlineSeconds", default=600)
    for container in pod.containers():
        probe = at(container.definition, "startupProbe", default={})
        longest_s = probe.get("periodSeconds", 10) * probe.get("failureThreshold", 3)
        if probe and longest_s >= deadline_s:
            yield f"{container} may take {longest_s} s to start, and the rollout is given up after {deadline_s} s"


@rule("topology-spread")
@each_pod
def topology_spread(pod: Pod) -> Iterator[str]:
    """Pods that serve are spread over nodes and zones."""
    constraints = at(pod.spec, "topologySpreadConstraints", default=())
    there = {constraint["topologyKey"] for constraint in constraints}
    if pod.serves:
        yield from (f"its pods are not spread over {key}" for key in _SPREAD_OVER if key not in there)


@rule("spread-own-pods")
@each_pod
def spread_own_pods(pod: Pod) -> Iterator[str]:
    """A spread counts its own pods; a selector that matches none spreads nothing."""
    for constraint in at(pod.spec, "topologySpreadConstraints", default=()):
        selector = at(constraint, "labelSelector", "matchLabels", default={})
        if not selector or not selects(selector, pod.labels):
            yield f"the spread over {constraint['topologyKey']} does not select its own pods"


@rule("hook-ends")
@each("Job")
def hook_ends(_: Rendering, job: Manifest) -> Iterator[str]:
    """A Job is a hook of Argo CD that ends and is removed: a Job that stays cannot be changed by the next sync."""
    annotations = at(job, "metadata", "annotations", default={})
    if "argocd.argoproj.io/hook" not in annotations:
        yield "is no hook: argocd.argoproj.io/hook is missing"
    elif "argocd.argoproj.io/hook-delete-policy" not in annotations:
        yield "has no argocd.argoproj.io/hook-delete-policy"
    yield from (f"has no {key}" for key in ("backoffLimit", "activeDeadlineSeconds") if key not in job["spec"])
