"""Rules about who a pod is to the API server: nobody."""

from collections.abc import Iterator

from tools.manifests.model import Finding, Manifest, Rendering, at, name_of
from tools.manifests.rules import rule
from tools.manifests.workloads import Pod, each, each_pod, pods


@rule("service-account-exists")
@each_pod
def service_account_exists(pod: Pod) -> Iterator[str]:
    """Every pod names a ServiceAccount that is there."""
    name = at(pod.spec, "serviceAccountName", default="default")
    if name not in {found["metadata"]["name"] for found in pod.rendering.of_kind("ServiceAccount")}:
        yield f"its service account {name} is not there"


@rule("own-service-account")
def own_service_account(rendering: Rendering) -> Iterator[Finding]:
    """No two workloads share a ServiceAccount, so that what one is granted the other is not."""
    owners: dict[str, str] = {}
    for pod in pods(rendering):
        account = at(pod.spec, "serviceAccountName", default="default")
        first = owners.setdefault(account, pod.workload)
        if first != pod.workload:
            yield Finding(name_of(pod.owner), f"its service account {account} is also {first}'s")


@rule("no-token-in-pod")
@each_pod
def no_token_in_pod(pod: Pod) -> Iterator[str]:
    """No pod is given a token for the API server."""
    if at(pod.spec, "automountServiceAccountToken") is not False:
        yield "its pods are given a token: automountServiceAccountToken is not false"
    for volume in pod.volumes():
        if any("serviceAccountToken" in source for source in at(volume, "projected", "sources", default=())):
            yield f"volume {volume['name']} holds a token"


@rule("no-token-in-account")
@each("ServiceAccount")
def no_token_in_account(_: Rendering, account: Manifest) -> Iterator[str]:
    """No ServiceAccount gives its token to pods that do not ask."""
    if account.get("automountServiceAccountToken") is not False:
        yield "gives pods a token: automountServiceAccountToken is not false"


@rule("no-service-links")
@each_pod
def no_service_links(pod: Pod) -> Iterator[str]:
    """No pod gets variables for Services: GATEWAY_PORT, which is a setting, would become an address."""
    if at(pod.spec, "enableServiceLinks") is not False:
        yield "its pods get variables for Services: enableServiceLinks is not false"
