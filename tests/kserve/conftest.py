"""KServe's controller on the kind cluster of kubectl's current context, and overlays/kserve applied to it."""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.e2e.conftest import ROOT, kubectl

NAMESPACE = "classifiers-kserve"
LABEL = "serving.kserve.io/inferenceservice"
_QUESTIONS = ("get isvc,deploy,svc,pods -o wide", "get events", f"logs -l {LABEL} --all-containers --prefix --tail=20")


def kube(*arguments: str, **options) -> str:
    """Run kubectl in the namespace of overlays/kserve."""
    return kubectl("-n", NAMESPACE, *arguments, **options)


def read(*arguments: str) -> dict:
    """Get objects of that namespace."""
    return json.loads(kube("get", *arguments, "-o", "json"))


def apply(objects) -> None:
    """Apply objects as `kubectl apply -k` would."""
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
    done = subprocess.run(["kubectl", "apply", "-f", "-"], input=text, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stderr


def until_ready() -> None:
    """Wait until KServe says that every model is ready; what failed is printed."""
    try:
        for workload in read("deploy")["items"]:
            kube("rollout", "status", f"deployment/{workload['metadata']['name']}", "--timeout=180s")
        kube("wait", "isvc", "--all", "--for=condition=Ready", "--timeout=180s")
    except AssertionError:
        for question in _QUESTIONS:
            command = ["kubectl", "-n", NAMESPACE, *question.split()]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            print(f"--- {question}\n{done.stdout}{done.stderr}")  # noqa: T201 - for who reads the failure
        raise


@contextmanager
def forwarded(service: str, port: int) -> Iterator[str]:
    """Lead a port of this machine to a Service's. Gives: its address."""
    command = ["kubectl", "-n", NAMESPACE, "port-forward", f"svc/{service}", f":{port}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as forwarding:
        try:
            assert forwarding.stdout is not None
            said = forwarding.stdout.readline()
            found = re.search(r"127\.0\.0\.1:(\d+)", said)
            assert found, f"kubectl port-forward said {said!r}"
            yield f"http://127.0.0.1:{found[1]}"
        finally:
            forwarding.terminate()


def build_models(tag: str, folder, cluster: str) -> None:
    """Build an image of models and load it into the cluster."""
    image = f"models:{tag}"
    dockerfile = "apps/model-server/Dockerfile.models"
    for command in (
        ["docker", "build", "--quiet", "--file", dockerfile, "--tag", image, str(folder)],
        ["kind", "load", "docker-image", image, "--name", cluster],
    ):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert 0 == done.returncode, done.stderr


@pytest.fixture(scope="session")
def cluster(tmp_path_factory) -> Iterator[str]:
    """Stay with the cluster of the current context, whoever changes the context meanwhile. Gives: its name."""
    context = kubectl("config", "current-context").strip()
    assert context.startswith("kind-"), f"the current context is {context}: not a kind cluster"
    file = tmp_path_factory.mktemp("kubectl") / "config"
    file.write_text(kubectl("config", "view", "--minify", "--flatten", "--raw", "--context", context))
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("KUBECONFIG", str(file))
        yield context.removeprefix("kind-")


@pytest.fixture(scope="session")
def deployed(cluster) -> str:
    """Apply overlays/kserve as a user would and wait until KServe says that it is ready."""
    names = kubectl("get", "crd", "-o", "name")
    assert "inferenceservices.serving.kserve.io" in names, "there is no KServe: run python -m tools.kserve install"
    build_models("dev", ROOT / "apps/model-server/models", cluster)
    kubectl("apply", "-k", "overlays/kserve")
    kube("wait", "isvc", "--all", "--for=create", "--timeout=10s")
    until_ready()
    return NAMESPACE
