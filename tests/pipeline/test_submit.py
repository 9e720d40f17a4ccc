"""Starting a run on a cluster: what goes over the wire to a stand-in for Kubeflow Pipelines, and what is refused.

No cluster with Kubeflow Pipelines can be had where this was written: the stand-in answers as kfp's client reads it.
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from training.pipeline.__main__ import main

IMAGE = "registry.example/training@sha256:" + "a" * 64
REPOSITORY = "https://git.example/somebody/image-classifiers"


class StandIn(BaseHTTPRequestHandler):
    """Answers what a run needs: health, experiments, runs. What it was asked is in `server.asked`."""

    def do_GET(self):
        self.server.asked.append(("GET", self.path, None, self.headers.get("Authorization")))
        if self.path.startswith("/apis/v2beta1/healthz"):
            self.answer({"multi_user": False})
        elif self.path.startswith("/apis/v2beta1/runs/"):
            self.answer({"run_id": "r-1", "state": self.server.state})
        else:
            self.answer({})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(("POST", self.path, body, self.headers.get("Authorization")))
        if self.server.refusal and self.path.endswith("/runs"):
            self.answer({"error_message": self.server.refusal}, 400)
        else:
            self.answer({"experiment_id": "e-1", "run_id": "r-1"})

    def answer(self, found, status=200):
        data = json.dumps(found).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *words):
        pass


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))  # kfp keeps a context there
    server = ThreadingHTTPServer(("127.0.0.1", 0), StandIn)
    server.asked, server.state, server.refusal = [], "SUCCEEDED", ""
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def submit(cluster, *more, repository=REPOSITORY):
    host = f"http://127.0.0.1:{cluster.server_port}"
    return main(["submit", "--host", host, "--image", IMAGE, "--repository", repository, *more])


def posted(cluster, end):
    return [body for method, path, body, _ in cluster.asked if "POST" == method and path.endswith(end)]


def test_a_run_carries_its_pipeline_and_parameters(cluster, capsys):
    """Experiment, image, parameters and the folder for artefacts arrive as they were given."""
    root = "s3://bucket/pipelines"
    given = ["--candidates", "own", "learning-rate=1e-3", "--epochs", "5", "--pipeline-root", root,
             "--experiment", "fashion", "--service-account", "trainer", "--data", "fashion-mnist"]  # fmt: skip
    assert 0 == submit(cluster, *given)
    assert ["fashion"] == [one["display_name"] for one in posted(cluster, "/experiments")]
    (run,) = posted(cluster, "/runs")
    assert ("e-1", "trainer") == (run["experiment_id"], run["service_account"])
    assert root == run["runtime_config"]["pipeline_root"]
    parameters = run["runtime_config"]["parameters"]
    assert ["epochs=5", "learning-rate=1e-3,epochs=5"] == parameters["candidates"]
    assert ("fashion-mnist", REPOSITORY) == (parameters["config"], parameters["repository"])
    executors = run["pipeline_spec"]["pipeline_spec"]["deploymentSpec"]["executors"]
    assert {IMAGE} == {one["container"]["image"] for one in executors.values()}
    assert "/#/runs/details/r-1" in capsys.readouterr().out


def test_a_token_goes_with_every_request(cluster, tmp_path):
    """The bearer token of a file, from the first request on."""
    (tmp_path / "token").write_text("secret\n")
    assert 0 == submit(cluster, "--token-file", str(tmp_path / "token"))
    assert {"Bearer secret"} == {authorization for *_, authorization in cluster.asked}


def test_caching_can_be_switched_off(cluster):
    """--no-cache reaches every step; without it what looks at Git is done anew all the same."""
    assert 0 == submit(cluster, "--no-cache")
    assert 0 == submit(cluster)
    without, usual = (run["pipeline_spec"]["pipeline_spec"]["root"]["dag"]["tasks"] for run in posted(cluster, "/runs"))
    assert not any(task.get("cachingOptions", {}).get("enableCache") for task in without.values())
    assert usual["export"]["cachingOptions"]["enableCache"]
    assert not usual["promote"].get("cachingOptions", {}).get("enableCache")


@pytest.mark.parametrize(("state", "status"), [("SUCCEEDED", 0), ("FAILED", 3)])
def test_the_end_can_be_waited_for(cluster, capsys, state, status):
    """The exit status is the run's."""
    cluster.state = state
    assert status == submit(cluster, "--wait", "5")
    assert state == capsys.readouterr().out.splitlines()[-1]


def test_a_refusal_is_told_in_the_cluster_s_words(cluster, capsys):
    """What the cluster says is wrong, and no traceback."""
    cluster.refusal = "the namespace does not exist"
    assert 1 == submit(cluster)
    assert "refuses: 400, the namespace does not exist" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--data", "."], "no pod sees"),
        (["--pipeline-root", "/tmp"], "begin with s3://"),
        (["--host", "localhost:8080"], "begin with http"),
        (["--host", "http://127.0.0.1:1"], "does not answer"),
        (["--repository", "."], "can clone from"),
        (["--repository", "https://me:secret@git.example/a/b"], "everybody would read"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_sent(cluster, capsys, more, said):
    """A folder of this machine, a folder for artefacts that is no bucket, a host that is none or does not answer."""
    assert 1 == submit(cluster, *more)
    assert said in capsys.readouterr().err
    assert [] == posted(cluster, "/runs")


def test_a_host_that_is_something_else_is_told(cluster, capsys, monkeypatch):
    """A server that has no such address is not Kubeflow Pipelines."""
    monkeypatch.setattr(StandIn, "do_GET", lambda self: self.answer({}, 404))
    assert 1 == submit(cluster)
    assert "404" in capsys.readouterr().err
