"""Rules about every object: where it is, and what is in Git at all."""

import re
from collections.abc import Iterator

from tools.manifests.model import Finding, Manifest, Rendering, at
from tools.manifests.rules import rule
from tools.manifests.workloads import each

_POD_SECURITY = "pod-security.kubernetes.io/enforce"
_STABLE = re.compile(r"v[0-9]+")
# Kubernetes' own kinds that are stable and deprecated all the same.
_DEPRECATED = (("v1", "Endpoints"), ("v1", "ComponentStatus"), ("autoscaling/v1", "HorizontalPodAutoscaler"))


@rule("namespace")
def namespace(rendering: Rendering) -> Iterator[Finding]:
    """There is one Namespace, and it is called classifiers-ENVIRONMENT."""
    names = [found["metadata"]["name"] for found in rendering.of_kind("Namespace")]
    expected = f"classifiers-{rendering.environment}"
    if names != [expected]:
        yield Finding(f"Namespace/{expected}", f"is not the one namespace: {', '.join(names) or 'there is none'}")


@rule("in-namespace")
@each()
def in_namespace(rendering: Rendering, manifest: Manifest) -> Iterator[str]:
    """Every object is in the namespace of its environment."""
    expected, actual = f"classifiers-{rendering.environment}", at(manifest, "metadata", "namespace")
    if manifest["kind"] != "Namespace" and actual != expected:
        yield f"is in the namespace {actual}, not in {expected}"


@rule("pod-security")
@each("Namespace")
def pod_security(_: Rendering, manifest: Manifest) -> Iterator[str]:
    """The namespace refuses pods that are not restricted, as one version of Kubernetes defines it."""
    labels = at(manifest, "metadata", "labels", default={})
    if labels.get(_POD_SECURITY) != "restricted":
        yield f"enforces {labels.get(_POD_SECURITY, 'no profile')}, not restricted"
    if not re.fullmatch(r"v1\.[0-9]+", labels.get(f"{_POD_SECURITY}-version", "")):
        yield f"pins no version of the profile: {_POD_SECURITY}-version"


@rule("no-secret")
@each("Secret")
def no_secret(_: Rendering, __: Manifest) -> Iterator[str]:
    """No Secret is in Git."""
    yield "is in Git"


@rule("stable-api")
@each()
def stable_api(_: Rendering, manifest: Manifest) -> Iterator[str]:
    """Of Kubernetes' own kinds only stable versions are used: others are removed one day."""
    group, _slash, version = manifest["apiVersion"].rpartition("/")
    own = "." not in group or group.endswith(".k8s.io")
    deprecated = (manifest["apiVersion"], manifest["kind"]) in _DEPRECATED
    if deprecated or (own and not _STABLE.fullmatch(version)):
        yield f"has the apiVersion {manifest['apiVersion']}, which will not stay"


@rule("no-status")
@each()
def no_status(_: Rendering, manifest: Manifest) -> Iterator[str]:
    """No object carries what only a cluster writes; Argo CD would see a difference for ever."""
    for key in ("uid", "resourceVersion", "creationTimestamp", "managedFields", "generation"):
        if key in manifest["metadata"]:
            yield f"has metadata.{key}, which the cluster writes"
    if "status" in manifest:
        yield "has a status, which the cluster writes"
