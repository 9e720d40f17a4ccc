"""Rules about what a container may take from its node."""

from collections.abc import Iterator
from decimal import Decimal

from tools.manifests.model import at
from tools.manifests.rules import rule
from tools.manifests.workloads import Container, Pod, each_container, each_pod

_KINDS = ("cpu", "memory", "ephemeral-storage")
_UNITS: dict[str, Decimal | int] = {"": 1, "m": Decimal("0.001"), "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_UNITS |= {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


def quantity(text: str | int) -> Decimal:
    """Read a Kubernetes quantity: `250m` is 0.25, `1Ki` 1024."""
    number = str(text).rstrip("kmKMGTi")
    return Decimal(number) * _UNITS[str(text)[len(number) :]]


@rule("resource-requests")
@each_container
def resource_requests(container: Container) -> Iterator[str]:
    """Every container requests cpu, memory and ephemeral storage, so that its node has them."""
    for kind in _KINDS:
        if at(container.definition, "resources", "requests", kind) is None:
            yield f"requests no {kind}"


@rule("cpu-limit")
@each_container
def cpu_limit(container: Container) -> Iterator[str]:
    """Every container has a cpu limit: the number of threads is taken from it."""
    if at(container.definition, "resources", "limits", "cpu") is None:
        yield "has no cpu limit"


@rule("memory-limit")
@each_container
def memory_limit(container: Container) -> Iterator[str]:
    """Every container has a memory limit, so that a leak ends the container and not its node."""
    if at(container.definition, "resources", "limits", "memory") is None:
        yield "has no memory limit"


@rule("ephemeral-storage-limit")
@each_container
def ephemeral_storage_limit(container: Container) -> Iterator[str]:
    """Every container has a limit of ephemeral storage, so that it cannot fill its node's disk."""
    if at(container.definition, "resources", "limits", "ephemeral-storage") is None:
        yield "has no ephemeral-storage limit"


@rule("request-within-limit")
@each_container
def request_within_limit(container: Container) -> Iterator[str]:
    """No container requests more than its limit; the API server refuses the pod."""
    limits = at(container.definition, "resources", "limits", default={})
    for kind, request in at(container.definition, "resources", "requests", default={}).items():
        if kind in limits and quantity(request) > quantity(limits[kind]):
            yield f"requests {request} {kind}, more than its limit of {limits[kind]}"


@rule("empty-directory-size")
@each_pod
def empty_directory_size(pod: Pod) -> Iterator[str]:
    """Every emptyDir has a size limit."""
    for volume in pod.volumes():
        if "emptyDir" in volume and not at(volume, "emptyDir", "sizeLimit"):
            yield f"volume {volume['name']} is an emptyDir without sizeLimit"
