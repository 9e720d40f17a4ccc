"""The cluster that docs/eks.md makes is the one that overlays/prod needs."""

import re

import pytest

from pykustomize import _yaml
from tools.manifests.rendering import ROOT, render
from tools.manifests.schemas import KUBERNETES

# Fields of eksctl's ClusterConfig that tools/eks.yaml uses, as its JSON schema has them; the schema allows no others.
FIELDS = {
    "": {"apiVersion", "kind", "metadata", "iam", "addons", "managedNodeGroups"},
    "metadata": {"name", "region", "version"},
    "iam": {"podIdentityAssociations"},
    "iam.podIdentityAssociations": {
        "namespace",
        "serviceAccountName",
        "createServiceAccount",
        "wellKnownPolicies",
    },
    "iam.podIdentityAssociations.wellKnownPolicies": {"awsLoadBalancerController"},
    "addons": {"name", "configurationValues"},
    "managedNodeGroups": {
        "name",
        "instanceType",
        "desiredCapacity",
        "minSize",
        "maxSize",
        "privateNetworking",
        "volumeEncrypted",
        "disableIMDSv1",
        "disablePodIMDS",
        "updateConfig",
    },
    "managedNodeGroups.updateConfig": {"maxUnavailable"},
}


@pytest.fixture(scope="module")
def cluster():
    """What eksctl is given."""
    return _yaml.load((ROOT / "tools" / "eks.yaml").read_text())


def fields(value, path=""):
    """Every mapping's fields by its place: `managedNodeGroups` -> {name, ...}."""
    if isinstance(value, list):
        for each in value:
            yield from fields(each, path)
    elif isinstance(value, dict):
        yield path, set(value)
        for name, each in value.items():
            yield from fields(each, f"{path}.{name}".strip("."))


def test_only_fields_that_eksctl_knows(cluster):
    """A field that eksctl does not know is refused by it; the list above was compared with its schema."""
    assert [] == [(path, names - FIELDS[path]) for path, names in fields(cluster) if names - FIELDS.get(path, set())]


def test_version_and_region_are_the_overlays(cluster):
    """The cluster is of the version that the manifests are held to, in the region of the registry."""
    assert KUBERNETES == cluster["metadata"]["version"]
    images = {
        container["image"]
        for found in render("prod").of_kind("Deployment")
        for container in found["spec"]["template"]["spec"]["containers"]
    }
    regions = {region[1] for image in images if (region := re.search(r"\.ecr\.([a-z0-9-]+)\.amazonaws\.com", image))}
    assert {cluster["metadata"]["region"]} == regions


def test_it_brings_what_the_overlay_needs(cluster):
    """Metrics for autoscalers, policies that are enforced, and a role for whoever makes the load balancer."""
    kinds = {found["kind"] for found in render("prod").objects}
    addons = {addon["name"]: addon for addon in cluster["addons"]}
    assert {"HorizontalPodAutoscaler", "NetworkPolicy", "Ingress"} <= kinds
    assert {"metrics-server", "eks-pod-identity-agent"} <= set(addons)
    assert '"enableNetworkPolicy": "true"' in addons["vpc-cni"]["configurationValues"]
    (association,) = cluster["iam"]["podIdentityAssociations"]
    assert association["wellKnownPolicies"] == {"awsLoadBalancerController": True}
    assert f"serviceAccount.name={association['serviceAccountName']}" in (ROOT / "docs" / "eks.md").read_text()


def test_the_machines_hold_the_least_that_prod_asks_for(cluster):
    """The least pods of every autoscaler fit on the machines with room for one machine to go; 4 processors each."""
    rendering = render("prod")
    least = {found["spec"]["scaleTargetRef"]["name"]: found["spec"]["minReplicas"]
             for found in rendering.of_kind("HorizontalPodAutoscaler")}  # fmt: skip
    requested = sum(
        least[found["metadata"]["name"]] * _cores(container["resources"]["requests"]["cpu"])
        for found in rendering.of_kind("Deployment")
        for container in found["spec"]["template"]["spec"]["containers"]
    )
    (group,) = cluster["managedNodeGroups"]
    assert group["instanceType"].endswith(".xlarge")
    assert requested <= 4 * (group["desiredCapacity"] - 1)


def _cores(quantity):
    return float(quantity[:-1]) / 1000 if quantity.endswith("m") else float(quantity)
