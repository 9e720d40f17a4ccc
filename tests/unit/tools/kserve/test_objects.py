"""What is applied to install KServe: its own objects, with a certificate and an image made here."""

import base64

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtensionOID

from tools.kserve import certificate
from tools.kserve.objects import CONTROLLER, NAMESPACE, WEBHOOKS, objects

FILES = {
    "base/namespace.yaml": "{apiVersion: v1, kind: Namespace, metadata: {name: kserve}}",
    "crd/full/kustomization.yaml": "{kind: Kustomization}",
    "crd/full/a.yaml": "{kind: CustomResourceDefinition, metadata: {name: a}}",
    "rbac/role_binding.yaml": "{kind: ClusterRoleBinding, metadata: {name: b}, subjects: [{name: it}]}",
    "rbac/service_account.yaml": "{kind: ServiceAccount, metadata: {name: it}}",
    "rbac/auth_proxy_service.yaml": "{kind: Service, metadata: {name: proxy}}",
    "configmap/inferenceservice.yaml": "{kind: ConfigMap, metadata: {name: c}, data: {deploy: '{}'}}",
    "manager/manager.yaml": (
        "{kind: Deployment, metadata: {name: kserve-controller-manager}, spec: {template: {spec: {containers: ["
        "{name: manager, image: ko, readinessProbe: {httpGet: {port: 1}}, resources: {limits: {cpu: 100m}}}]}}}}\n"
        "---\n{kind: Secret, metadata: {name: empty}}"
    ),
    "webhook/manifests.yaml": (
        "---\n{kind: ValidatingWebhookConfiguration, metadata: {name: v, creationTimestamp: null}, webhooks: ["
        "{clientConfig: {service: {name: $(x), namespace: $(y), path: /validate}}}]}"
    ),
    "webhook/service.yaml": "{kind: Service, metadata: {name: kserve-webhook-server-service}}",
}


@pytest.fixture(scope="module")
def made():
    return certificate.make(WEBHOOKS, NAMESPACE)


@pytest.fixture
def found(tmp_path, made):
    """The objects of a small `config`, by kind."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return {each["kind"]: each for each in objects(tmp_path, "controller:1", made)}


def test_the_controller_is_the_image_built_here(found):
    """Nothing is pulled, and what KServe says of its container stays but for how soon it is asked."""
    (container,) = found["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert ("controller:1", "IfNotPresent") == (container["image"], container["imagePullPolicy"])
    assert 1 == container["readinessProbe"]["initialDelaySeconds"]
    assert {"port": 1} == container["readinessProbe"]["httpGet"]


def test_what_belongs_to_a_namespace_is_in_kserves(found):
    """The controller, its account, its settings, and who a binding is for."""
    assert {NAMESPACE} == {
        found[kind]["metadata"]["namespace"] for kind in ("Deployment", "ServiceAccount", "ConfigMap")
    }
    assert [{"name": "it", "namespace": NAMESPACE}] == found["ClusterRoleBinding"]["subjects"]
    wide = ("CustomResourceDefinition", "Namespace", "ClusterRoleBinding", "ValidatingWebhookConfiguration")
    assert not any("namespace" in found[kind]["metadata"] for kind in wide)


def test_webhooks_lead_to_the_controller_by_the_certificate(found, made):
    """The API server asks KServe's Service, and knows it by the authority made here."""
    (webhook,) = found["ValidatingWebhookConfiguration"]["webhooks"]
    assert {"name": WEBHOOKS, "namespace": NAMESPACE, "path": "/validate"} == webhook["clientConfig"]["service"]
    assert made.authority == base64.b64decode(webhook["clientConfig"]["caBundle"])
    assert "creationTimestamp" not in found["ValidatingWebhookConfiguration"]["metadata"]


def test_the_secret_holds_the_certificate(found, made):
    """The one that KServe leaves empty for cert-manager is not applied."""
    assert "kserve-webhook-server-cert" == found["Secret"]["metadata"]["name"]
    assert {"tls.crt": made.certificate.decode(), "tls.key": made.key.decode()} == found["Secret"]["stringData"]


def test_what_needs_an_image_of_others_is_left_out(found):
    """The proxy before the metrics."""
    assert WEBHOOKS == found["Service"]["metadata"]["name"]
    assert "Kustomization" not in found
    assert CONTROLLER == found["Deployment"]["metadata"]["name"]


def test_a_certificate_is_signed_by_its_authority_for_the_service(made):
    """By the names under which an API server asks, with its own key; another authority did not sign it."""
    authority, leaf = map(x509.load_pem_x509_certificate, (made.authority, made.certificate))
    leaf.verify_directly_issued_by(authority)
    names = leaf.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value
    assert f"{WEBHOOKS}.{NAMESPACE}.svc" in names.get_values_for_type(x509.DNSName)
    key = serialization.load_pem_private_key(made.key, None)
    assert key.public_key() == leaf.public_key()
    other = x509.load_pem_x509_certificate(certificate.make(WEBHOOKS, NAMESPACE).authority)
    with pytest.raises(InvalidSignature):
        leaf.verify_directly_issued_by(other)
