"""The objects that install KServe's controller, from the folder `config` of its module.

Changed is what a cluster without cert-manager and a registry needs: webhooks get a certificate made here, and the
controller's image is the one built here. KServe's settings (`inferenceservice-config`) are the released ones.
"""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pykustomize._yaml import load_all
from tools.kserve.certificate import Certificate

NAMESPACE = "kserve"
CONTROLLER = "kserve-controller-manager"
WEBHOOKS = "kserve-webhook-server-service"
_SECRET = "kserve-webhook-server-cert"  # noqa: S105 - a name
_WHAT = ("crd/full/*.yaml", "crd/full/clusterstoragecontainer/*.yaml", "base/namespace.yaml", "rbac/*.yaml")
_REST = ("configmap/inferenceservice.yaml", "manager/manager.yaml", "webhook/manifests.yaml", "webhook/service.yaml")
_CLUSTER_WIDE = ("CustomResourceDefinition", "Namespace", "ClusterRole", "ClusterRoleBinding")
Object = dict[str, Any]


def objects(config: Path, image: str, certificate: Certificate) -> list[Object]:
    """Give everything to be applied, in an order in which it can be.

    Args:
        config: KServe's folder of that name.
        image: the controller's image.
        certificate: of the webhooks' Service.
    """
    found = [each for pattern in (*_WHAT, *_REST) for each in _read(config, pattern)]
    for each in found:
        _place(each)
        if each["kind"].endswith("WebhookConfiguration"):
            _lead(each, certificate)
        elif each["kind"] == "Deployment":
            _run(each, image)
    return [*found, _secret(certificate)]


def _read(config: Path, pattern: str) -> Iterator[Object]:
    for path in sorted(config.glob(pattern)):
        # The proxy in front of the metrics is an image that cannot be pulled here, and nobody asks for metrics.
        if path.name != "kustomization.yaml" and not path.name.startswith("auth_proxy"):
            yield from (each for each in load_all(path.read_text(encoding="utf-8")) if each["kind"] != "Secret")


def _place(found: Object) -> None:
    found["metadata"].pop("creationTimestamp", None)
    if found["kind"] not in _CLUSTER_WIDE and not found["kind"].endswith("WebhookConfiguration"):
        found["metadata"]["namespace"] = NAMESPACE
    for subject in found.get("subjects", ()):
        subject["namespace"] = NAMESPACE


def _lead(configuration: Object, certificate: Certificate) -> None:
    for webhook in configuration["webhooks"]:
        client = webhook["clientConfig"]
        client["service"] |= {"name": WEBHOOKS, "namespace": NAMESPACE}
        client["caBundle"] = base64.b64encode(certificate.authority).decode()


def _run(deployment: Object, image: str) -> None:
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    container |= {"image": image, "imagePullPolicy": "IfNotPresent"}
    # Soon: nobody else's cluster waits for it.
    container["readinessProbe"] |= {"initialDelaySeconds": 1, "periodSeconds": 1, "failureThreshold": 60}
    container["resources"]["limits"]["cpu"] = "1"


def _secret(certificate: Certificate) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {"name": _SECRET, "namespace": NAMESPACE},
        "stringData": {"tls.crt": certificate.certificate.decode(), "tls.key": certificate.key.decode()},
    }
