"""overlays/kind on a real cluster, and what the cluster makes of the rest."""

import json
import urllib.request

import pytest
from kubernetes import client
from kubernetes.client.exceptions import ApiException
from kubernetes.stream import stream

from gateway.goldens import read_golden
from tests.e2e.conftest import PROD, kubectl, restricted_pod
from tools.models import MODELS, versions

pytestmark = pytest.mark.e2e

ADDRESS = "http://localhost:9696"  # tools/kind.yaml leads it to the node port
PYTHON = "/usr/local/bin/python3"
CONNECT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3).close()
    print("connected")
except OSError as error:
    print("refused" if isinstance(error, ConnectionRefusedError) else "no answer")
"""


def ask(path, data=None, content_type="application/json"):
    request = urllib.request.Request(ADDRESS + path, data, {"Content-Type": content_type})
    with urllib.request.urlopen(request, timeout=20) as response:
        return json.load(response)


@pytest.mark.parametrize("model", sorted(path.name for path in MODELS.iterdir() if path.is_dir()))
def test_a_picture_gets_its_probabilities_through_the_node_port(deployed, model):
    """What `kubectl apply -k overlays/kind` runs classifies the golden pictures as training did."""
    golden = read_golden(MODELS / model / str(versions(model)[-1]))
    for picture, expected in zip(golden.pictures, golden.probabilities, strict=True):
        answer = ask(f"/v1/models/{model}:predict", picture, "image/png")
        assert {"name": model, "version": str(golden.version)} == {k: str(v) for k, v in answer["model"].items()}
        found = answer["predictions"][0]["probabilities"]
        assert dict(zip(golden.labels, expected, strict=True)) == pytest.approx(found, abs=golden.tolerance)


def test_the_image_that_runs_is_told(deployed):
    """/version says the image of the Deployment, by the overlay's replacement."""
    image = kubectl("-n", deployed, "get", "deploy/gateway", "-o", "jsonpath={.spec.template.spec.containers[0].image}")
    assert image == ask("/version")["image"]


def test_the_rollout_is_verified(deployed):
    """The Job of components/verify finds every replica of the new rollout in order."""
    kubectl("-n", deployed, "wait", "job/verify", "--for=condition=Complete", "--timeout=280s")


def test_a_server_accepts_prod(core):
    """The API server's own validation and admission accept overlays/prod."""
    namespaces = {found.metadata.name for found in core.list_namespace().items}
    if PROD not in namespaces:
        core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=PROD)))
    try:
        answered = kubectl("apply", "-k", "overlays/prod", "--dry-run=server")
    finally:
        if PROD not in namespaces:
            core.delete_namespace(PROD)
    assert "deployment.apps/gateway created (server dry run)" in answered


def test_a_pod_that_could_harm_its_node_is_refused(core, deployed):
    """The namespace admits the restricted profile alone."""
    core.create_namespaced_pod(deployed, restricted_pod("sound", ["true"]), dry_run="All")
    bad = restricted_pod("bad", ["true"])
    bad.spec.host_network = True
    with pytest.raises(ApiException, match="violates PodSecurity"):
        core.create_namespaced_pod(deployed, bad, dry_run="All")


def pod_of(core, namespace, name):
    found = core.list_namespaced_pod(namespace, label_selector=f"app.kubernetes.io/name={name}").items
    return next(
        pod.metadata.name for pod in found if pod.status.phase == "Running" and not pod.metadata.deletion_timestamp
    )


def connect(core, namespace, pod, host, port):
    """Try a TCP connection from inside a pod. Returns: connected, refused or no answer."""
    command = [PYTHON, "-c", CONNECT, host, str(port)]
    said = stream(
        core.connect_get_namespaced_pod_exec,
        pod,
        namespace,
        command=command,
        stderr=True,
        stdout=True,
        _request_timeout=30,
    )
    return said.strip()


def test_what_must_be_reached_is_reached(core, deployed):
    """The policies leave the gateway its model server and its DNS."""
    gateway = pod_of(core, deployed, "gateway")
    assert "connected" == connect(core, deployed, gateway, "model-server", 8500)


FORBIDDEN = [
    ("gateway", "169.254.169.254", 80),
    ("gateway", "kubernetes.default", 443),
    ("gateway", "model-server", 8501),
    ("gateway", "kube-dns.kube-system", 9153),
    ("model-server", "gateway", 80),
    ("model-server", "kubernetes.default", 443),
    ("model-server", "1.1.1.1", 443),
    ("stranger", "model-server", 8500),
    ("stranger", "kubernetes.default", 443),
]


def test_what_must_not_be_reached_is_not(core, deployed, stranger):
    """NetworkPolicies hold when tried from inside pods, where the cluster's network enforces them."""
    network = {found.metadata.name for found in client.AppsV1Api().list_namespaced_daemon_set("kube-system").items}
    if not network & {"kindnet", "calico-node", "cilium"}:
        pytest.skip("this cluster's network enforces no NetworkPolicy: tests/manifests/test_network.py stands in")
    pods = {"stranger": stranger} | {name: pod_of(core, deployed, name) for name in ("gateway", "model-server")}
    answers = {
        (source, host, port): connect(core, deployed, pods[source], host, port) for source, host, port in FORBIDDEN
    }
    assert dict.fromkeys(FORBIDDEN, "no answer") == answers
