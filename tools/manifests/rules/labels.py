"""Rules about labels, selectors and names."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tools.manifests.model import Finding, Manifest, Rendering, at, name_of
from tools.manifests.rules import rule
from tools.manifests.workloads import Pod, each, each_pod, pods, selects

NAME_LABEL = "app.kubernetes.io/name"
_MODEL_LABEL = "serving.kserve.io/inferenceservice"
_LABELS = (NAME_LABEL, "app.kubernetes.io/component", "app.kubernetes.io/part-of")
_DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?")


@rule("labels")
@each()
def labels(_: Rendering, manifest: Manifest) -> Iterator[str]:
    """Every object says by label what it is (name), what for (component) and of what (part-of)."""
    for key in _LABELS:
        if not at(manifest, "metadata", "labels", key):
            yield f"has no label {key}"


@rule("pod-labels")
@each_pod
def pod_labels(pod: Pod) -> Iterator[str]:
    """Every pod says so too: metrics and logs are found by its labels."""
    yield from (f"its pods have no label {key}" for key in _LABELS if not pod.labels.get(key))


@rule("label-values")
@each()
def label_values(_: Rendering, manifest: Manifest) -> Iterator[str]:
    """Every label has a value such as Kubernetes takes."""
    for metadata in (manifest["metadata"], at(manifest, "spec", "template", "metadata", default={})):
        for key, value in at(metadata, "labels", default={}).items():
            if not isinstance(value, str) or not _LABEL_VALUE.fullmatch(value):
                yield f"label {key} has the value {value!r}"


def _selectors(manifest: Manifest) -> dict[str, Any]:
    selector = at(manifest, "spec", "selector", default={})
    found: dict[str, Any] = selector if manifest["kind"] == "Service" else at(selector, "matchLabels", default={})
    return found


@rule("selector-by-name")
@each("Deployment", "StatefulSet", "DaemonSet", "Service", "PodDisruptionBudget")
def selector_by_name(_: Rendering, manifest: Manifest) -> Iterator[str]:
    """A selector goes by name alone, and KServe's label: it cannot be changed later, and other labels can."""
    expressions = at(manifest, "spec", "selector", default={}).keys() & {"matchExpressions"}
    keys = sorted([*_selectors(manifest), *expressions])
    if [key for key in keys if key != _MODEL_LABEL] != [NAME_LABEL]:
        yield f"selects by {', '.join(keys) or 'nothing'}, not by {NAME_LABEL} alone"


@rule("selector-matches")
@each_pod
def selector_matches(pod: Pod) -> Iterator[str]:
    """A workload selects its own pods."""
    if pod.serves and not selects(_selectors(pod.owner), pod.labels):
        yield "does not select its own pods"


@rule("selector-takes-no-others")
@each("Deployment", "StatefulSet", "DaemonSet", "Service")
def selector_takes_no_others(rendering: Rendering, manifest: Manifest) -> Iterator[str]:
    """A selector takes the pods of one workload: a Job with the gateway's label would get its requests."""
    taken = dict.fromkeys(name_of(pod.owner) for pod in pods(rendering) if selects(_selectors(manifest), pod.labels))
    if len(taken) > 1:
        yield f"selects the pods of {' and '.join(taken)}"


@rule("name")
@each()
def name(_: Rendering, manifest: Manifest) -> Iterator[str]:
    """Every name is a DNS label."""
    text = manifest["metadata"]["name"]
    if not _DNS_LABEL.fullmatch(text):
        yield f"the name {text} is no DNS label"


@rule("name-without-environment")
@each()
def name_without_environment(rendering: Rendering, manifest: Manifest) -> Iterator[str]:
    """No name says which environment it is in: the namespace does, so that all are called the same everywhere."""
    parts = manifest["metadata"]["name"].split("-")
    if manifest["kind"] != "Namespace" and rendering.environment in (parts[0], parts[-1]):
        yield f"has the environment {rendering.environment} in its name"


@rule("unique")
def unique(rendering: Rendering) -> Iterator[Finding]:
    """No object comes twice."""
    counts = Counter(
        (found["apiVersion"].partition("/")[0], name_of(found), at(found, "metadata", "namespace"))
        for found in rendering.objects
    )
    yield from (Finding(each[1], f"comes {count} times") for each, count in counts.items() if count > 1)
