"""The applications: the root one applied, all of them waited for."""

import json
from pathlib import Path
from typing import Any

from pykustomize import Kustomize
from tools.cluster.programs import ROOT, Programs, say, wait_for
from tools.cluster.repository import INSIDE

# An administrator applies these; the rest Argo CD finds in the repository.
FOLDERS = ("argocd/kind", "argocd/root/kind")
TIMEOUT_S = 420


class SyncError(Exception):
    """A sync failed and is not tried again. Not a ClusterError, which a wait takes for an answer like others."""


def apply(programs: Programs, root: Path = ROOT) -> None:
    """Apply the projects and what makes Argo CD read the repository."""
    say("6. the applications")
    for folder in FOLDERS:
        text = Kustomize.find().build_yaml(root / folder)
        programs.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", text=text)


def wait(programs: Programs, commit: str) -> None:
    """Wait until every application that reads the repository has synced the commit, verification included."""
    what = f"{commit[:12]} to be synced, healthy and verified"
    wait_for(programs, what, lambda: _missing(programs, commit), TIMEOUT_S)


def read(programs: Programs) -> list[dict[str, Any]]:
    """Read the applications that read the repository."""
    answer = programs.kubectl("-n", "argocd", "get", "applications.argoproj.io", "-o", "json")
    return [app for app in json.loads(answer)["items"] if app["spec"].get("source", {}).get("repoURL") == INSIDE]


def state(application: dict[str, Any]) -> tuple[str, str, str, str]:
    """Give an application's sync status, health, last operation, and the commit that this one synced."""
    status = application.get("status", {})
    operation = status.get("operationState", {})
    return (
        status.get("sync", {}).get("status", "Unknown"),
        status.get("health", {}).get("status", "Unknown"),
        operation.get("phase", "none"),
        operation.get("syncResult", {}).get("revision", ""),
    )


def _missing(programs: Programs, commit: str) -> str:
    found = read(programs)
    # The root application is one; what it makes comes after it.
    if not any(app["spec"]["source"].get("path") == "overlays/kind" for app in found):
        return "no application of overlays/kind yet"
    waiting = []
    for app in found:
        name = app["metadata"]["name"]
        sync, health, phase, revision = state(app)
        at_commit = app.get("status", {}).get("sync", {}).get("revision") == commit
        if phase == "Failed" and revision == commit and not _will_retry(app):
            # What has failed for good is not waited for.
            raise SyncError(f"{name}: {app['status']['operationState'].get('message', 'the sync failed')}")
        # An application with nothing new at this commit has nothing to sync, so its operation is an older one's.
        if (sync, health, phase) != ("Synced", "Healthy", "Succeeded") or not at_commit:
            waiting.append(f"{name} {sync} {health}, operation {phase}" + "".join(_complaints(app)))
    return "; ".join(waiting)


def _complaints(application: dict[str, Any]) -> list[str]:
    """Give what Argo CD has against an application, such as a folder that Kustomize cannot build."""
    conditions = application.get("status", {}).get("conditions", [])
    # In a line; the cause is at the end.
    return [f" (...{' '.join(one['message'].split())[-200:]})" for one in conditions if one["type"].endswith("Error")]


def _will_retry(application: dict[str, Any]) -> bool:
    operation = application["status"]["operationState"]
    limit = operation.get("operation", {}).get("retry", {}).get("limit", 0)
    return bool(limit < 0 or operation.get("retryCount", 0) < limit)
