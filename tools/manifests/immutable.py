"""Find changes that an API server refuses, or that delete what is there: against the manifests that are deployed.

Sources: the validation of updates in Kubernetes 1.34 (each kind's strategy.go and validation.go) as its API
documentation tells it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from tools.manifests.model import Finding, Manifest, at, name_of

# What a field's path may not be changed to, by kind.
FIELDS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "Deployment": (("spec", "selector"),),
    "DaemonSet": (("spec", "selector"),),
    "ReplicaSet": (("spec", "selector"),),
    "Job": (("spec", "selector"), ("spec", "template"), ("spec", "completionMode"), ("spec", "podFailurePolicy")),
    "PersistentVolumeClaim": tuple(
        ("spec", field)
        for field in ("accessModes", "selector", "storageClassName", "volumeMode", "volumeName", "dataSource")
    ),
    "StorageClass": (("provisioner",), ("parameters",), ("reclaimPolicy",), ("volumeBindingMode",)),
    "PriorityClass": (("value",), ("preemptionPolicy",)),
    "RuntimeClass": (("handler",),),
    "RoleBinding": (("roleRef",),),
    "ClusterRoleBinding": (("roleRef",),),
    "IngressClass": (("spec", "controller"),),
    "Secret": (("type",),),
}
# Of a StatefulSet's spec everything else is immutable.
STATEFUL_SET_MUTABLE = {
    "minReadySeconds", "ordinals", "persistentVolumeClaimRetentionPolicy", "replicas", "revisionHistoryLimit",
    "template", "updateStrategy",
}  # fmt: skip
# Services of this type have no cluster address at all.
_EXTERNAL = "ExternalName"
_HOOKS = ("argocd.argoproj.io/hook", "argocd.argoproj.io/hook-delete-policy")


def refused_changes(before: Iterable[Manifest], after: Iterable[Manifest]) -> Iterator[Finding]:
    """Compare what is deployed with what would be applied to it; objects are the same by kind, namespace and name."""
    deployed = {_identity(found): found for found in before}
    wanted = {_identity(found): found for found in after}
    for identity, old in deployed.items():
        if (new := wanted.get(identity)) is not None:
            for message in _changes(old, new):
                yield Finding(name_of(new), message)
        elif old["kind"] == "Namespace":
            yield Finding(name_of(old), "is gone or renamed: everything in it would be deleted")
        elif old["kind"] == "PersistentVolumeClaim":
            yield Finding(name_of(old), "is gone or renamed: its data would be deleted")


def _changes(old: Manifest, new: Manifest) -> Iterator[str]:
    kind = new["kind"]
    if kind == "Job" and _is_made_anew(new):
        return
    for path in FIELDS.get(kind, ()):
        if at(old, *path) != at(new, *path):
            yield f"changes {'.'.join(path)}, which is immutable"
    if more := _MORE.get(kind):
        yield from more(old, new)


def _service(old: Manifest, new: Manifest) -> Iterator[str]:
    if _EXTERNAL in {at(old, "spec", "type"), at(new, "spec", "type")}:
        return  # a Service may become one, and stop being one
    before, after = at(old, "spec", "clusterIP"), at(new, "spec", "clusterIP")
    # An address that is not said is kept; None is headless, and that is for ever.
    if before != after and (after is not None or before == "None"):
        yield f"changes spec.clusterIP from {before or 'an address'} to {after or 'an address'}, which is immutable"


def _stateful_set(old: Manifest, new: Manifest) -> Iterator[str]:
    for field in sorted({*old["spec"], *new["spec"]} - STATEFUL_SET_MUTABLE):
        if old["spec"].get(field) != new["spec"].get(field):
            yield f"changes spec.{field}, which is immutable"


def _data(old: Manifest, new: Manifest) -> Iterator[str]:
    for field in ("data", "binaryData", "stringData", "immutable"):
        if old.get("immutable") and old.get(field) != new.get(field):
            yield f"changes {field}, but is immutable"


def _smaller(old: Manifest, new: Manifest) -> Iterator[str]:
    wanted = [str(at(one, "spec", "resources", "requests", "storage", default="0")) for one in (old, new)]
    if _bytes(wanted[1]) < _bytes(wanted[0]):
        yield f"asks for {wanted[1]} of storage instead of {wanted[0]}: a claim cannot shrink"


def _bytes(quantity: str) -> float:
    number = quantity.rstrip("kKMGTPEi")
    unit = quantity[len(number) :]
    power = "KMGTPE".index(unit[0].upper()) + 1 if unit else 0
    return float(number) * float((1024 if unit.endswith("i") else 1000) ** power)


def _is_made_anew(job: Manifest) -> bool:
    """Tell whether Argo CD deletes a Job before it makes it again, so that nothing is changed in place."""
    annotations: Mapping[str, Any] = at(job, "metadata", "annotations", default={})
    hook, policy = (str(annotations.get(key, "")) for key in _HOOKS)
    replaced = "Replace=true" in str(annotations.get("argocd.argoproj.io/sync-options", ""))
    # A hook without a policy is deleted before it is made again.
    return replaced or (bool(hook) and (not policy or "BeforeHookCreation" in policy))


def _identity(found: Manifest) -> tuple[str, str, str, str]:
    metadata = found["metadata"]
    group = str(found["apiVersion"]).rpartition("/")[0]
    return group, found["kind"], metadata.get("namespace", ""), metadata["name"]


_MORE: Mapping[str, Callable[[Manifest, Manifest], Iterator[str]]] = {
    "Service": _service,
    "StatefulSet": _stateful_set,
    "PersistentVolumeClaim": _smaller,
    "ConfigMap": _data,
    "Secret": _data,
}
