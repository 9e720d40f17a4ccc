"""A cluster that overlays/kind is applied to: the one that the current context of kubectl leads to."""

import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from kubernetes import client, config

ROOT = Path(__file__).parents[2]
NAMESPACE = "classifiers-kind"
PROD = "classifiers-prod"


def kubectl(*arguments: str, timeout_s: float = 300) -> str:
    """Run kubectl in the repository; a failure shows what it said."""
    done = subprocess.run(
        ["kubectl", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=timeout_s, check=False
    )
    assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr or done.stdout}"
    return done.stdout


@pytest.fixture(scope="session")
def core() -> client.CoreV1Api:
    """Talk to the cluster; only one made by kind, so that no other is written to by mistake."""
    _, active = config.list_kube_config_contexts()
    assert active["name"].startswith("kind-"), f"the current context is {active['name']}: not a kind cluster"
    config.load_kube_config()
    return client.CoreV1Api()


def until_gone(core: client.CoreV1Api, timeout_s: float = 90) -> None:
    """Wait until no pod of the namespace is being removed."""
    end = time.monotonic() + timeout_s
    while leaving := [
        pod.metadata.name
        for pod in core.list_namespaced_pod(NAMESPACE).items
        if pod.metadata.deletion_timestamp and pod.status.phase == "Running"
    ]:
        assert time.monotonic() < end, f"still there after {timeout_s:.0f} s: {leaving}"
        time.sleep(0.5)


@pytest.fixture(scope="session")
def deployed(core: client.CoreV1Api) -> str:
    """Apply overlays/kind as a user would and wait until it serves; what failed is printed."""
    there_before = NAMESPACE in {found.metadata.name for found in core.list_namespace().items}
    kubectl("delete", "job", "verify", "-n", NAMESPACE, "--ignore-not-found")
    kubectl("apply", "-k", "overlays/kind")
    if there_before:
        # The tag stays `dev`: pods that run already would keep the image before.
        kubectl("-n", NAMESPACE, "rollout", "restart", "deployment/gateway", "deployment/model-server")
    try:
        for workload in ("gateway", "model-server"):
            kubectl("-n", NAMESPACE, "rollout", "status", f"deployment/{workload}", "--timeout=180s")
        # Pods on their way out are no part of it: they must have left before a test asks.
        until_gone(core)
    except AssertionError:
        for question in ("get all", "get events", "logs deployment/gateway", "logs deployment/model-server"):
            command = ["kubectl", "-n", NAMESPACE, *question.split()]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            print(f"--- {question}\n{done.stdout}{done.stderr}")  # noqa: T201 - for who reads the failure
        raise
    return NAMESPACE


def restricted_pod(name: str, command: list[str]) -> client.V1Pod:
    """Describe a pod of the gateway's image that the restricted profile allows."""
    return client.V1Pod(
        metadata=client.V1ObjectMeta(name=name),
        spec=client.V1PodSpec(
            restart_policy="Never",
            automount_service_account_token=False,
            termination_grace_period_seconds=0,
            security_context=client.V1PodSecurityContext(
                run_as_non_root=True, seccomp_profile=client.V1SeccompProfile(type="RuntimeDefault")
            ),
            containers=[
                client.V1Container(
                    name=name,
                    image="gateway:dev",
                    command=command,
                    security_context=client.V1SecurityContext(
                        allow_privilege_escalation=False, capabilities=client.V1Capabilities(drop=["ALL"])
                    ),
                )
            ],
        ),
    )


@pytest.fixture(scope="session")
def stranger(core: client.CoreV1Api, deployed: str) -> Iterator[str]:
    """Start a pod in the namespace that no policy knows."""
    sleeping = ["/usr/local/bin/python3", "-c", "import time; time.sleep(3600)"]
    name = f"stranger-{uuid.uuid4().hex[:8]}"
    core.create_namespaced_pod(deployed, restricted_pod(name, sleeping))
    kubectl("-n", deployed, "wait", f"pod/{name}", "--for=condition=Ready", "--timeout=60s")
    yield name
    core.delete_namespaced_pod(name, deployed)
