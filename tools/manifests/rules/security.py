"""Rules about what a container may do to its node: Pod Security's restricted profile, and more than that.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from collections.abc import Iterator
from typing import Any

from tools.manifests.model import at
from tools.manifests.rules import rule
from tools.manifests.workloads import Container, Pod, each_container, each_pod

# Neither a node's folder nor a disk: nothing here keeps anything.
_VOLUMES = ("configMap", "secret", "projected", "emptyDir", "image")
# The highest id that a distribution gives to its own users and daemons.
_LAST_SYSTEM_ID = 999


def _security(container: Container, key: str) -> Any:
    # A container's own word wins over its pod's.
    of_pod = at(container.pod.spec, "securityContext", key)
    return at(container.definition, "securityContext", key, default=of_pod)


@rule("non-root")
@each_container
def non_root(container: Container) -> Iterator[str]:
    """No container runs as root."""
    if _security(container, "runAsNonRoot") is not True:
        yield "may run as root: runAsNonRoot is not true"


@rule("numeric-user")
@each_container
def numeric_user(container: Container) -> Iterator[str]:
    """Every container runs as a user and group given by number, which are none of the system's."""
    for key in ("runAsUser", "runAsGroup"):
        number = _security(container, key)
        if not isinstance(number, int) or number <= _LAST_SYSTEM_ID:
            yield f"has {key} {number}, not a number above {_LAST_SYSTEM_ID}"


@rule("read-only-root")
@each_container
def read_only_root(container: Container) -> Iterator[str]:
    """No container can change its own image's files."""
    if at(container.definition, "securityContext", "readOnlyRootFilesystem") is not True:
        yield "can write to its root file system"


@rule("no-privilege-escalation")
@each_container
def no_privilege_escalation(container: Container) -> Iterator[str]:
    """No process can become more than its parent is."""
    if at(container.definition, "securityContext", "allowPrivilegeEscalation") is not False:
        yield "allows privilege escalation"


@rule("drop-capabilities")
@each_container
def drop_capabilities(container: Container) -> Iterator[str]:
    """Every container drops all capabilities."""
    if at(container.definition, "securityContext", "capabilities", "drop") != ["ALL"]:
        yield "does not drop ALL capabilities"


@rule("no-added-capabilities")
@each_container
def no_added_capabilities(container: Container) -> Iterator[str]:
    """No container adds a capability."""
    for capability in at(container.definition, "securityContext", "capabilities", "add", default=()):
        yield f"adds the capability {capability}"


@rule("not-privileged")
@each_container
def not_privileged(container: Container) -> Iterator[str]:
    """No container is privileged."""
    if at(container.definition, "securityContext", "privileged"):
        yield "is privileged"


@rule("seccomp")
@each_container
def seccomp(container: Container) -> Iterator[str]:
    """Every container's system calls are filtered by the runtime's default profile."""
    profile = at(_security(container, "seccompProfile"), "type")
    if profile != "RuntimeDefault":
        yield f"has the seccomp profile {profile}, not RuntimeDefault"


@rule("no-host-namespaces")
@each_pod
def no_host_namespaces(pod: Pod) -> Iterator[str]:
    """No pod shares its node's network, processes or IPC."""
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if at(pod.spec, key):
            yield f"its pods have {key}"


@rule("no-host-port")
@each_container
def no_host_port(container: Container) -> Iterator[str]:
    """No container takes a port of its node."""
    for port in at(container.definition, "ports", default=()):
        if "hostPort" in port:
            yield f"takes port {port['hostPort']} of its node"


@rule("volume-kind")
@each_pod
def volume_kind(pod: Pod) -> Iterator[str]:
    """A volume is configuration, an image or scratch space: no folder of the node, no disk.

    A Secret is for the rule no-secret-needed to judge.
    """
    for volume in pod.volumes():
        for kind in volume.keys() - {"name", *_VOLUMES}:
            yield f"volume {volume['name']} is a {kind}"


@rule("read-only-configuration")
@each_container
def read_only_configuration(container: Container) -> Iterator[str]:
    """What is not scratch space is mounted read-only."""
    scratch = {volume["name"] for volume in container.pod.volumes() if "emptyDir" in volume}
    for mount in at(container.definition, "volumeMounts", default=()):
        if mount["name"] not in scratch and not mount.get("readOnly"):
            yield f"can write to {mount['mountPath']}"


@rule("mounted-volume")
@each_container
def mounted_volume(container: Container) -> Iterator[str]:
    """A container mounts volumes that its pod has."""
    there = {volume["name"] for volume in container.pod.volumes()}
    for mount in at(container.definition, "volumeMounts", default=()):
        if mount["name"] not in there:
            yield f"mounts the volume {mount['name']}, which its pod has not"
