"""(a) A push becomes the verified revision. (d) A live edit is undone. (e) What is not allowed is refused."""

import time

import pytest
import yaml

from gateway.goldens import read_golden
from tests.e2e.delivery.environment import NAMESPACE, until
from tools.models import MODELS, versions

OVERLAY = "overlays/kind/kustomization.yaml"


def test_a_pushed_commit_becomes_the_verified_revision(repository, deployment, timed, page):
    """Every pod is of the commit, /version tells it, and pictures get their classes through the Service."""
    for turn in range(2):
        commit = timed(f"Deploy nothing new, {turn}", f"(a) push to verified, {turn + 1}")
        assert {commit} == deployment.revisions("gateway") == deployment.revisions("model-server")
        assert commit == page.get("/version")["revision"]
    for model in sorted(path.name for path in MODELS.iterdir() if path.is_dir()):
        golden = read_golden(MODELS / model / str(versions(model)[-1]))
        for picture, expected in zip(golden.pictures, golden.probabilities, strict=True):
            (prediction,) = page.predict(model, picture)["predictions"]
            wanted = dict(zip(golden.labels, expected, strict=True))
            assert wanted == pytest.approx(prediction["probabilities"], abs=golden.tolerance)
            assert max(prediction["probabilities"].values()) == prediction["probability"]


def test_a_live_edit_is_undone(deployment, figures):
    """Git alone says what runs."""

    def resources():
        found = deployment.apps.read_namespaced_deployment("gateway", NAMESPACE)
        return found.spec.template.spec.containers[0].resources.limits

    before = resources()
    container = {"name": "gateway", "resources": {"limits": {"memory": "300Mi"}}}
    change = {"spec": {"template": {"spec": {"containers": [container]}}}}
    deployment.apps.patch_namespaced_deployment("gateway", NAMESPACE, change)
    assert before != resources()
    begin = time.monotonic()
    until(lambda: resources() == before, 120, "the edit to be undone")
    figures.add("(d) live edit undone", time.monotonic() - begin, "s")
    until(lambda: len(deployment.ready("gateway")) == len(deployment.pods("gateway")) == 1, 120, "its pods to go")


def test_what_the_project_does_not_list_is_refused(repository, deployment, timed, figures):
    """A commit with a ClusterRole is not synced and nothing of it is there; its revert heals."""
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "everything"},
        "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}],
    }
    (repository.folder / "overlays/kind/cluster-role.yaml").write_text(yaml.safe_dump(role))
    repository.edit(OVERLAY, ("resources:\n", "resources:\n  - cluster-role.yaml\n"))
    begin = time.monotonic()
    refused = deployment.wait_refused(repository.commit("Ask for everything"))
    figures.add("(e) ClusterRole refused", time.monotonic() - begin, "s")
    assert "not permitted in project" in refused
    roles = deployment.objects.list_cluster_custom_object("rbac.authorization.k8s.io", "v1", "clusterroles")
    assert "everything" not in {one["metadata"]["name"] for one in roles["items"]}
    timed(None, "(e) rollback to verified")
