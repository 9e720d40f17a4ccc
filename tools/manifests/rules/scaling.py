"""Rules about how many pods there are: autoscalers and disruption budgets."""

import math
import re
from collections.abc import Iterator

from tools.manifests.model import Finding, Manifest, Rendering, at, name_of
from tools.manifests.rules import rule
from tools.manifests.workloads import Pod, each, pods, selects

_PROD_LEAST = 2


def _target(rendering: Rendering, autoscaler: Manifest) -> Pod | None:
    reference = at(autoscaler, "spec", "scaleTargetRef", default={})
    for pod in pods(rendering):
        wanted = {key: pod.owner[key] for key in ("apiVersion", "kind")} | {"name": pod.owner["metadata"]["name"]}
        if reference == wanted:
            return pod
    return None


def _autoscaler(rendering: Rendering, workload: Manifest) -> Manifest | None:
    for autoscaler in rendering.of_kind("HorizontalPodAutoscaler"):
        pod = _target(rendering, autoscaler)
        if pod and pod.owner is workload:
            return autoscaler
    return None


def least_pods(rendering: Rendering, workload: Manifest) -> int:
    """Give the number of pods that a workload always has."""
    autoscaler = _autoscaler(rendering, workload)
    if autoscaler:
        return int(at(autoscaler, "spec", "minReplicas", default=1))
    return int(at(workload, "spec", "replicas", default=1))


def _budgets(rendering: Rendering, pod: Pod) -> list[Manifest]:
    return [
        budget
        for budget in rendering.of_kind("PodDisruptionBudget")
        if selects(at(budget, "spec", "selector", "matchLabels", default={}), pod.labels)
    ]


@rule("one-owner-of-replicas")
@each("Deployment", "StatefulSet")
def one_owner_of_replicas(rendering: Rendering, workload: Manifest) -> Iterator[str]:
    """What an autoscaler scales has no `replicas`: each sync would undo the autoscaler's work."""
    if "replicas" in workload["spec"] and _autoscaler(rendering, workload):
        yield "has replicas, which its autoscaler owns"


@rule("autoscaler-target")
@each("HorizontalPodAutoscaler")
def autoscaler_target(rendering: Rendering, autoscaler: Manifest) -> Iterator[str]:
    """An autoscaler scales a workload that is there."""
    if not _target(rendering, autoscaler):
        yield f"scales {at(autoscaler, 'spec', 'scaleTargetRef', 'name')}, which is not there"


@rule("autoscaler-metric")
@each("HorizontalPodAutoscaler")
def autoscaler_metric(rendering: Rendering, autoscaler: Manifest) -> Iterator[str]:
    """An autoscaler that goes by a share of a resource needs every container to request it."""
    pod = _target(rendering, autoscaler)
    for metric in at(autoscaler, "spec", "metrics", default=()) if pod else ():
        name = at(metric, "resource", "name")
        for container in pod.containers() if pod and name else ():
            if not container.init and not at(container.definition, "resources", "requests", name):
                yield f"scales by {name}, which {container} does not request"


@rule("autoscaler-range")
@each("HorizontalPodAutoscaler")
def autoscaler_range(_: Rendering, autoscaler: Manifest) -> Iterator[str]:
    """An autoscaler's least is not more than its most."""
    least, most = at(autoscaler, "spec", "minReplicas", default=1), at(autoscaler, "spec", "maxReplicas", default=0)
    if least > most:
        yield f"has at least {least} pods and at most {most}"


@rule("two-in-prod")
@each("Deployment", "StatefulSet")
def two_in_prod(rendering: Rendering, workload: Manifest) -> Iterator[str]:
    """In prod at least two pods of each serve, so that one may go."""
    least = least_pods(rendering, workload)
    if rendering.environment == "prod" and least < _PROD_LEAST:
        yield f"may have {least} pod"


@rule("disruption-budget")
def disruption_budget(rendering: Rendering) -> Iterator[Finding]:
    """Each workload that serves has exactly one PodDisruptionBudget; with two, no pod can be evicted."""
    for pod in pods(rendering):
        count = len(_budgets(rendering, pod))
        if pod.serves and count != 1:
            yield Finding(name_of(pod.owner), f"has {count} PodDisruptionBudgets")


@rule("budget-selects")
@each("PodDisruptionBudget")
def budget_selects(rendering: Rendering, budget: Manifest) -> Iterator[str]:
    """A PodDisruptionBudget is about pods that are there."""
    if not any(budget in _budgets(rendering, pod) for pod in pods(rendering)):
        yield "selects no pod"


@rule("budget-lets-go")
@each("PodDisruptionBudget")
def budget_lets_go(rendering: Rendering, budget: Manifest) -> Iterator[str]:
    """A PodDisruptionBudget lets at least one pod go; one that forbids all stops every drain of a node."""
    stay, go = at(budget, "spec", "minAvailable"), at(budget, "spec", "maxUnavailable")
    least = min(
        (least_pods(rendering, pod.owner) for pod in pods(rendering) if budget in _budgets(rendering, pod)), default=2
    )
    share = re.fullmatch(r"([0-9]+)%", str(stay))
    needed = math.ceil(least * int(share[1]) / 100) if share else stay or 0
    if go in (0, "0", "0%") or needed >= least:
        yield f"lets no pod go: minAvailable {stay}, maxUnavailable {go}, pods at least {least}"
