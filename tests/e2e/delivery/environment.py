"""The environment `kind` as Git and Argo CD have it: push a commit, see what becomes of it."""

import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from kubernetes import client
from kubernetes.client.exceptions import ApiException

from tools.cluster.repository import OVERLAY, with_tag

NAMESPACE = APPLICATION = "classifiers-kind"
REVISION = "image-classifiers/revision"
Answer = TypeVar("Answer")


def until(ask: Callable[[], Answer], timeout_s: float, what: str, every_s: float = 0.5) -> Answer:
    """Ask until the answer is true, and give it. Raises: AssertionError with what was waited for."""
    end = time.monotonic() + timeout_s
    while not (answer := ask()):
        assert time.monotonic() < end, f"{timeout_s:.0f} s were not enough for {what}"
        time.sleep(every_s)
    return answer


class Repository:
    """A clone of what the cluster deploys.

    Args:
        address: of the Git server.
        folder: where to clone it.
    """

    def __init__(self, address: str, folder: Path) -> None:
        self.folder = folder
        subprocess.run(["git", "clone", "--quiet", address, str(folder)], check=True)
        self.git("config", "user.name", "end-to-end test")
        self.git("config", "user.email", "e2e@localhost")
        self.start = self.head

    def git(self, *arguments: str) -> str:
        """Run git in the clone. Returns: what it printed."""
        done = subprocess.run(["git", "-C", str(self.folder), *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"git {' '.join(arguments)}: {done.stderr}"
        return done.stdout.strip()

    @property
    def head(self) -> str:
        """Name the commit that is checked out."""
        return self.git("rev-parse", "HEAD")

    def edit(self, path: str, *changes: tuple[str, str]) -> None:
        """Put text in the place of other text that a file holds once."""
        file = self.folder / path
        text = file.read_text()
        for before, after in changes:
            assert text.count(before) == 1, f"{path} holds {before!r} {text.count(before)} times"
            text = text.replace(before, after)
        file.write_text(text)

    def name_images(self, tags: Mapping[str, str]) -> None:
        """Have the overlay name other tags."""
        file = self.folder / OVERLAY
        text = file.read_text()
        for app, tag in tags.items():
            text = with_tag(text, app, tag)
        file.write_text(text)

    def commit(self, message: str) -> str:
        """Commit all that was changed and push it. Returns: the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        self.git("push", "--quiet", "origin", "HEAD:main")
        return self.head

    def revert(self, commits: int = 1) -> str:
        """Take the last commits back by new ones, and push them. Returns: the newest."""
        self.git("revert", "--no-edit", f"HEAD~{commits}..HEAD")
        self.git("push", "--quiet", "origin", "HEAD:main")
        return self.head

    def reset(self) -> str:
        """Go back to where it began, whatever has become of it. Returns: that commit."""
        self.git("reset", "--quiet", "--hard", self.start)
        self.git("clean", "--quiet", "-fd")
        self.git("push", "--quiet", "--force", "origin", "HEAD:main")
        return self.start


class Deployment:
    """What Argo CD and Kubernetes say of the environment."""

    def __init__(self) -> None:
        self.core = client.CoreV1Api()
        self.apps = client.AppsV1Api()
        self.jobs = client.BatchV1Api()
        self.objects = client.CustomObjectsApi()

    def application(self) -> dict[str, Any]:
        """Read the Application."""
        return self.objects.get_namespaced_custom_object(
            "argoproj.io", "v1alpha1", "argocd", "applications", APPLICATION
        )

    def operation(self, commit: str) -> str:
        """Say how far the sync of a commit is: empty, Running, Succeeded, Failed, Error."""
        state = self.application().get("status", {}).get("operationState", {})
        sync = state.get("operation", {}).get("sync", {})
        if sync.get("resources"):
            return ""  # a live edit undone: it syncs one object, and runs no hook
        return state.get("phase", "") if commit == state.get("syncResult", {}).get("revision") else ""

    def is_verified(self, commit: str) -> bool:
        """Tell whether the commit is synced, healthy, and proved by the Job of this very commit."""
        status = self.application().get("status", {})
        synced = (status["sync"]["status"], status["health"]["status"], status["sync"].get("revision"))
        if synced != ("Synced", "Healthy", commit) or self.operation(commit) != "Succeeded":
            return False
        try:
            job = self.jobs.read_namespaced_job("verify", NAMESPACE)
        except ApiException:
            return False
        return (job.metadata.annotations or {}).get(REVISION) == commit and bool(job.status.succeeded)

    def wait_verified(self, commit: str, timeout_s: float = 240) -> None:
        """Wait for that."""
        until(lambda: self.is_verified(commit), timeout_s, f"{commit[:12]} to be verified")

    def wait_refused(self, commit: str, timeout_s: float = 420) -> str:
        """Wait until the commit's sync has failed for good. Returns: why."""
        until(lambda: self.operation(commit) in ("Failed", "Error"), timeout_s, f"{commit[:12]} to be refused")
        state = self.application()["status"]["operationState"]
        of_objects = [one.get("message", "") for one in state.get("syncResult", {}).get("resources", [])]
        return "\n".join([state.get("message", ""), *of_objects])

    def pods(self, name: str) -> list[client.V1Pod]:
        """List the pods of a workload that are not being removed."""
        found = self.core.list_namespaced_pod(NAMESPACE, label_selector=f"app.kubernetes.io/name={name}").items
        return [pod for pod in found if not pod.metadata.deletion_timestamp]

    def ready(self, name: str) -> list[client.V1Pod]:
        """List those that get traffic."""
        return [pod for pod in self.pods(name) if _is_ready(pod)]

    def revisions(self, name: str) -> set[str]:
        """Say which commits a workload's pods are of."""
        return {(pod.metadata.annotations or {}).get(REVISION, "") for pod in self.pods(name)}

    def scale(self, **replicas: int) -> None:
        """Change the number of pods as an autoscaler would, and wait until they are there and no other is.

        Args:
            replicas: by the workload's name, `model_server` being the model server.
        """
        wanted = {name.replace("_", "-"): number for name, number in replicas.items()}
        for name, number in wanted.items():
            self.apps.patch_namespaced_deployment_scale(name, NAMESPACE, {"spec": {"replicas": number}})
        for name, number in wanted.items():
            until(lambda name=name, number=number: self._settled(name, number), 120, f"{number} pods of {name}")

    def log(self, pod: client.V1Pod, container: str) -> str:
        """Read what a container wrote, and what it wrote before it was started again."""
        said = []
        for previous in (True, False):
            try:
                said.append(
                    self.core.read_namespaced_pod_log(
                        pod.metadata.name, NAMESPACE, container=container, previous=previous
                    )
                )
            except ApiException:
                continue
        return "".join(said)

    def _settled(self, name: str, replicas: int) -> bool:
        found = self.core.list_namespaced_pod(NAMESPACE, label_selector=f"app.kubernetes.io/name={name}").items
        return len(found) == replicas and all(_is_ready(pod) for pod in found)


def _is_ready(pod: client.V1Pod) -> bool:
    return any(one.type == "Ready" and one.status == "True" for one in pod.status.conditions or ())
