"""The cluster of `make up`, a clone to push from, and what people want to read when a test fails."""

import json
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import yaml
from kubernetes import config

from tests.e2e.delivery import releases
from tests.e2e.delivery.environment import NAMESPACE, Deployment, Repository, until
from tests.load import Load
from tools.cluster import diagnosis
from tools.cluster.nodes import exists, ports_of
from tools.cluster.programs import CLUSTER, ROOT, Programs

KEPT = ROOT / "build" / "e2e"


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.delivery)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Print what the cluster says, and keep all of it in build/e2e, while it still shows why a test failed."""
    report = yield
    if report.when == "call" and report.failed and item.get_closest_marker("delivery"):
        print(call.excinfo.exconly())  # noqa: T201 - the tests after this one take minutes
        collect(KEPT / item.name)
        diagnosis.explain(Programs())
    return report


def collect(folder):
    """Write down applications, objects, events and logs."""
    folder.mkdir(parents=True, exist_ok=True)
    everything = "deployments,replicasets,pods,jobs,configmaps,endpointslices,events"
    questions = {
        "applications.yaml": ["-n", "argocd", "get", "applications.argoproj.io", "-o", "yaml"],
        "objects.yaml": ["-n", NAMESPACE, "get", everything, "-o", "yaml"],
        "events.txt": ["get", "events", "--all-namespaces", "--sort-by=.lastTimestamp"],
        "argocd.log": ["-n", "argocd", "logs", "statefulset/argocd-application-controller", "--tail=2000"],
        "verify.log": ["-n", NAMESPACE, "logs", "job/verify"],
    }
    for app in ("gateway", "model-server"):
        of_app = ["logs", "--selector", f"app.kubernetes.io/name={app}", "--all-containers", "--prefix", "--tail=2000"]
        questions[f"{app}.log"] = ["-n", NAMESPACE, *of_app]
    for name, question in questions.items():
        done = subprocess.run(
            ["kubectl", "--context", f"kind-{CLUSTER}", *question], capture_output=True, text=True, check=False
        )
        (folder / name).write_text(done.stdout + done.stderr)
    print(f"kept in {folder}")  # noqa: T201 - for who reads the failure


@pytest.fixture(scope="session")
def ports():
    """The ports of localhost that lead into the cluster."""
    programs = Programs()
    assert exists(programs), "there is no cluster: make up"
    return ports_of(programs)


@pytest.fixture(scope="session")
def deployment(ports):
    config.load_kube_config(context=f"kind-{CLUSTER}")
    return Deployment()


@pytest.fixture(scope="session")
def repository(ports, deployment, tmp_path_factory):
    """A clone whose first commit is what `make up` pushed; the cluster ends with that again."""
    found = Repository(
        f"git://127.0.0.1:{ports['GIT_PORT']}/repository", tmp_path_factory.mktemp("clone") / "repository"
    )
    deployment.wait_verified(found.start, 120)
    yield found
    if found.head != found.start:
        deployment.wait_verified(found.reset())


@pytest.fixture(autouse=True)
def home(repository, deployment):
    """Each test begins and ends with what `make up` pushed; one that failed on its way leaves nothing behind."""
    before = repository.git("rev-parse", "HEAD^{tree}")
    yield
    repository.git("reset", "--quiet", "--hard")
    if before != repository.git("rev-parse", "HEAD^{tree}"):
        deployment.wait_verified(repository.reset())


@pytest.fixture(scope="session")
def built(ports, tmp_path_factory):
    """The images of all releases, on the cluster's node."""
    releases.build(tmp_path_factory.mktemp("releases"))


class Page:
    """The gateway as clients reach it, through the Service."""

    def __init__(self, port):
        self.address = f"http://127.0.0.1:{port}"

    def get(self, path):
        """GET JSON."""
        with urllib.request.urlopen(self.address + path, timeout=10) as answer:
            return json.load(answer)

    def predict(self, model, picture):
        """Classify a PNG."""
        path = f"/v1/models/{model}:predict"
        request = urllib.request.Request(self.address + path, picture, {"Content-Type": "image/png"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def status(self, path):
        """Ask. Returns: the status, 0 where nobody listens; how long it took, seconds."""
        begin = time.monotonic()
        try:
            with urllib.request.urlopen(self.address + path, timeout=10) as answer:
                status = answer.status
        except urllib.error.HTTPError as error:
            status = error.code
        except OSError:
            status = 0
        return status, time.monotonic() - begin

    def load(self, model, picture, rate):
        """Ask for a picture's class at a rate; see tests/load.py."""
        return Load(f"{self.address}/v1/models/{model}:predict", picture, rate)


@pytest.fixture(scope="session")
def page(ports):
    return Page(ports["PORT"])


@pytest.fixture
def timed(repository, deployment, figures):
    """Push what was changed, or the revert of the last commits; note how long it took to be verified."""

    def push(message, name, *, revert=1):
        begin = time.monotonic()
        commit = repository.commit(message) if message else repository.revert(revert)
        deployment.wait_verified(commit)
        figures.add(name, time.monotonic() - begin, "s", at_most=60)
        return commit

    return push


@pytest.fixture
def impatient(repository, deployment):
    """Rollouts that are given up after 45 s: base/ waits five minutes, which no test wants to."""
    patch = "- op: replace\n  path: /spec/progressDeadlineSeconds\n  value: 45\n"
    file = repository.folder / "overlays/kind/resources.patch.yaml"
    before = file.read_text()
    file.write_text(before + patch)
    assert yaml.safe_load(file.read_text())
    deployment.wait_verified(repository.commit("Give rollouts up early"))
    yield
    file.write_text(before)
    deployment.wait_verified(repository.commit("Give rollouts up as before"))


def steady(load, seconds):
    """Wait until a load has gone on for so long."""
    until(lambda: load.elapsed_s >= seconds, seconds + 60, "the load")
