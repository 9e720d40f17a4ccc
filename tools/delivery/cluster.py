"""Ask a cluster, by kubectl, what Argo CD has made of each environment."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tools.manifests.model import at

REVISION = "image-classifiers/revision"  # the annotation that the Application puts on everything
_ARGOCD = "argocd"
_TIMEOUT_S = 10


class NoAnswer(Exception):  # noqa: N818 - not every absence is an error
    """No cluster answers, or it does not know what is asked for; one sentence."""


@dataclass(frozen=True)
class State:
    """An environment as its cluster has it; `verified` is `yes`, or says why not."""

    environment: str
    revision: str
    sync: str
    health: str
    verified: str
    images: Mapping[str, str] = field(default_factory=dict)
    pods: Mapping[str, str] = field(default_factory=dict)  # ready/wanted

    @property
    def good(self) -> bool:
        """Tell whether the revision is deployed, healthy and verified."""
        return (self.sync, self.health, self.verified) == ("Synced", "Healthy", "yes")


def state_of(environment: str) -> State:
    """Read what runs in an environment. Raises: NoAnswer."""
    name = f"classifiers-{environment}"
    application = _get(_ARGOCD, "applications.argoproj.io", name)
    revision = at(application, "status", "sync", "revision", default="")
    deployments = {}
    for workload in ("gateway", "model-server"):
        try:
            deployments[workload] = _get(name, "deployments.apps", workload)
        except NoAnswer:
            continue
    return State(
        environment,
        revision,
        at(application, "status", "sync", "status", default="Unknown"),
        at(application, "status", "health", "status", default="Unknown"),
        _verified(application, _job(name), revision),
        {workload: _image(found) for workload, found in deployments.items()},
        {
            workload: f"{at(found, 'status', 'readyReplicas', default=0)}/{at(found, 'spec', 'replicas', default=0)}"
            for workload, found in deployments.items()
        },
    )


def _job(namespace: str) -> Mapping[str, Any]:
    try:
        return _get(namespace, "jobs.batch", "verify")
    except NoAnswer:
        return {}


def _verified(application: Mapping[str, Any], job: Mapping[str, Any], revision: str) -> str:
    """Say `yes` only where the Job of this very revision is complete, and the sync that ran it succeeded."""
    if not job:
        return "no: there is no Job verify"
    conditions = {one["type"] for one in at(job, "status", "conditions", default=()) if one.get("status") == "True"}
    about = at(job, "metadata", "annotations", REVISION, default="")
    if not revision or about != revision:
        return f"no: the Job verify is of revision {about[:10] or 'unknown'}"
    if "Failed" in conditions:
        return "no: the Job verify failed"
    if "Complete" not in conditions:
        return "no: the Job verify is not done"
    phase = at(application, "status", "operationState", "phase", default="Unknown")
    return "yes" if phase == "Succeeded" else f"no: the sync is {phase}"


def _image(deployment: Mapping[str, Any]) -> str:
    containers = at(deployment, "spec", "template", "spec", "containers", default=())
    return str(containers[0]["image"]) if containers else ""


def _get(namespace: str, kind: str, name: str) -> Mapping[str, Any]:
    program = shutil.which("kubectl")
    if program is None:
        raise NoAnswer("kubectl is not on PATH")
    command = [program, "-n", namespace, "get", kind, name, "-o", "json", f"--request-timeout={_TIMEOUT_S}s"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=3 * _TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoAnswer(f"kubectl gave no answer: {error}") from error
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()] or ["kubectl gave no reason"]
        if "(NotFound)" in said[-1] or "have a resource type" in said[-1]:
            raise NoAnswer(f"kubectl's cluster has no {kind.partition('.')[0]} {name} in {namespace}")
        raise NoAnswer(f"no cluster answers: {said[-1].removeprefix('error: ')}")
    try:
        found: Mapping[str, Any] = json.loads(done.stdout)
    except ValueError as error:
        raise NoAnswer(f"kubectl gave no JSON: {error}") from error
    return found
