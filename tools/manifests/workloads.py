"""Walk over what rules look at: objects, the pods that they make, and the containers in these.

A rule is written for one of them and says only what is wrong; `each`, `each_pod`, `each_container` and `each_server`
turn it into a check of a whole rendering and say of what it was.
"""

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tools.manifests.inference import templates
from tools.manifests.model import Check, Finding, Manifest, Rendering, at, name_of

# Where each kind keeps its pod template.
_TEMPLATES = {
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
    "Pod": (),
}
_SERVING = ("Deployment", "StatefulSet", "DaemonSet", "InferenceService")


@dataclass(frozen=True)
class Pod:
    """The pods that an object makes."""

    rendering: Rendering
    owner: Manifest
    template: Mapping[str, Any]

    @property
    def spec(self) -> Mapping[str, Any]:
        """Give the template's spec."""
        return at(self.template, "spec", default={})  # type: ignore[no-any-return]

    @property
    def labels(self) -> Mapping[str, str]:
        """Give the labels that selectors see."""
        return at(self.template, "metadata", "labels", default={})  # type: ignore[no-any-return]

    @property
    def app(self) -> str:
        """Give app.kubernetes.io/name: gateway, model-server."""
        return self.labels.get("app.kubernetes.io/name", "")

    @property
    def workload(self) -> str:
        """Name what it is a pod of: the object that makes it, or the runtime that InferenceServices share."""
        runtime = at(self.owner, "spec", "predictor", "model", "runtime")
        return f"ServingRuntime/{runtime}" if runtime else name_of(self.owner)

    @property
    def serves(self) -> bool:
        """Say whether it runs until it is told to stop."""
        return self.owner["kind"] in _SERVING

    def containers(self) -> Iterator["Container"]:
        """Give the containers in the order in which they start."""
        for key in ("initContainers", "containers"):
            for definition in at(self.spec, key, default=()):
                yield Container(self, definition, init=key == "initContainers")

    def volumes(self) -> Iterator[Mapping[str, Any]]:
        """Give the volumes."""
        yield from at(self.spec, "volumes", default=())


@dataclass(frozen=True)
class Container:
    """One container of a pod."""

    pod: Pod
    definition: Mapping[str, Any]
    init: bool = False

    def __str__(self) -> str:
        """Name it as a finding does."""
        return f"{'init container' if self.init else 'container'} {self.definition['name']}"

    @property
    def serves(self) -> bool:
        """Say whether it runs as long as its pod, in one that runs until it is told to stop."""
        return self.pod.serves and (not self.init or self.definition.get("restartPolicy") == "Always")

    def ports(self) -> Mapping[str, int]:
        """Give its ports by name; a port without a name by its number."""
        return {
            str(port.get("name", port["containerPort"])): port["containerPort"]
            for port in at(self.definition, "ports", default=())
        }

    def has_port(self, port: str | int) -> bool:
        """Say whether this port, by name or number, is one of its own."""
        ports = self.ports()
        return port in ports or port in ports.values()


def pods(rendering: Rendering) -> Iterator[Pod]:
    """Give the pods of a rendering."""
    for owner in rendering.of_kind(*_TEMPLATES):
        yield Pod(rendering, owner, at(owner, *_TEMPLATES[owner["kind"]], default={}))
    for owner in rendering.of_kind("InferenceService"):
        yield from (Pod(rendering, owner, template) for template in templates(rendering, owner))


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Say whether a `matchLabels` map matches; an empty one matches all."""
    return all(labels.get(key) == value for key, value in selector.items())


def each(*kinds: str) -> Callable[[Callable[[Rendering, Manifest], Iterable[str]]], Check]:
    """Check every object of these kinds; without kinds, every object."""

    def decorate(check: Callable[[Rendering, Manifest], Iterable[str]]) -> Check:
        @functools.wraps(check)
        def checked(rendering: Rendering) -> Iterator[Finding]:
            for found in rendering.of_kind(*kinds) if kinds else rendering.objects:
                for message in check(rendering, found):
                    yield Finding(name_of(found), message)

        return checked

    return decorate


def each_pod(check: Callable[[Pod], Iterable[str]]) -> Check:
    """Check the pods of every object that makes some."""

    @functools.wraps(check)
    def checked(rendering: Rendering) -> Iterator[Finding]:
        for pod in pods(rendering):
            for message in check(pod):
                yield Finding(name_of(pod.owner), message)

    return checked


def each_container(check: Callable[[Container], Iterable[str]]) -> Check:
    """Check every container, those that only prepare a pod too."""

    @functools.wraps(check)
    def checked(pod: Pod) -> Iterator[str]:
        for container in pod.containers():
            for message in check(container):
                yield f"{container} {message}"

    return each_pod(checked)


def each_server(check: Callable[[Container], Iterable[str]]) -> Check:
    """Check every container that runs as long as its pod and answers somebody."""

    @functools.wraps(check)
    def checked(container: Container) -> Iterable[str]:
        return check(container) if container.serves else ()

    return each_container(checked)
