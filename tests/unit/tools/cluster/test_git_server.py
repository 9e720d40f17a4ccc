"""The Git server's push hook, and what the cluster lets it do."""

import json
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pykustomize import Kustomize
from tools.cluster import repository
from tools.cluster.programs import ROOT

IMAGE = ROOT / "tools" / "cluster" / "git-server" / "image"
RUNNING = {"op": "test", "path": "/status/operationState/phase", "value": "Running"}
TERMINATING = {"op": "replace", "path": "/status/operationState/phase", "value": "Terminating"}
APPLICATIONS = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications"


@pytest.fixture
def api(tmp_path):
    """Serve an API server with three applications: one idle, one syncing, one closed. Gives: what runs the hook."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self._answer(
                200, {"kind": "Table", "rows": [{"cells": [name, "Synced"]} for name in ("idle", "root", "other")]}
            )

        def do_PATCH(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            patch = json.loads(body)
            asked.append((self.path, self.headers["Authorization"], self.headers["Content-Type"], patch))
            # As an API server does: the test of a JSON patch decides.
            running = patch[0] == RUNNING and self.path.endswith("root") if isinstance(patch, list) else True
            self._answer(403 if self.path.endswith("other") else 200 if running else 422, {})

        def _answer(self, status, body):
            data = json.dumps(body, indent=1).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (tmp_path / "token").write_text("secret")
    (tmp_path / "ca.crt").write_text("")

    def hook(account=tmp_path):
        environment = {
            "PATH": "/usr/bin:/bin",
            "KUBERNETES_API": f"http://127.0.0.1:{server.server_port}",
            "ACCOUNT": str(account),
        }
        done = subprocess.run([IMAGE / "post-receive"], env=environment, capture_output=True, text=True, check=False)
        return done, asked

    yield hook
    server.shutdown()


def test_a_push_refreshes_every_application_and_ends_the_sync_before(api):
    """The hook asks for an annotation on each, ends what is running, says which took it, and succeeds in any case."""
    done, asked = api()
    said = "Argo CD looks again at: idle, root\nThe sync before is ended: root\n"
    assert (0, said) == (done.returncode, done.stdout)
    refresh = {"metadata": {"annotations": {"argocd.argoproj.io/refresh": "normal"}}}
    merge, change = "application/merge-patch+json", "application/json-patch+json"
    assert [
        (f"{APPLICATIONS}/{name}", "Bearer secret", kind, patch)
        for name in ("idle", "root", "other")
        for kind, patch in ((merge, refresh), (change, [RUNNING, TERMINATING]))
    ] == asked


def test_a_push_without_a_cluster_is_a_push(api, tmp_path):
    """Outside a cluster, where there is no token, the hook has nothing to do."""
    done, asked = api(account=tmp_path / "none")
    assert (0, "", []) == (done.returncode, done.stdout, asked)


@pytest.fixture(scope="module")
def objects():
    return {(found["kind"], found["metadata"]["name"]): found for found in Kustomize.find().build(repository.MANIFESTS)}


def test_the_hook_may_list_and_patch_applications_alone(objects):
    """The role has no other resource, no cluster-wide one, and a policy narrows the patch."""
    rules = objects["Role", "git-server"]["rules"]
    assert [{"apiGroups": ["argoproj.io"], "resources": ["applications"], "verbs": ["list", "patch"]}] == rules
    assert not [kind for kind, _ in objects if kind.startswith("ClusterRole")]
    policy = objects["ValidatingAdmissionPolicy", "git-server-only-refreshes"]
    binding = objects["ValidatingAdmissionPolicyBinding", "git-server-only-refreshes"]
    assert (policy["metadata"]["name"], ["Deny"]) == (
        binding["spec"]["policyName"],
        binding["spec"]["validationActions"],
    )
    account = objects["ServiceAccount", "git-server"]["metadata"]
    user = f"system:serviceaccount:{account['namespace']}:{account['name']}"
    assert user in policy["spec"]["matchConditions"][0]["expression"]


def test_argo_cd_knows_the_server_by_the_name_that_it_has(objects):
    """git://SERVICE.NAMESPACE/REPOSITORY, as the script makes it."""
    service = objects["Service", "git"]["metadata"]
    assert f"git://{service['name']}.{service['namespace']}/repository" == repository.INSIDE
    assert "/repository\n" in (IMAGE / "serve").read_text()
    assert repository.INSIDE in (ROOT / "argocd" / "kind" / "repository.patch.yaml").read_text()
