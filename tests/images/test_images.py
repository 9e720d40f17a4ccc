"""The container images build, are small and locked down, and `docker compose up` answers a picture."""

import io
import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from tests.contract.server_process import free_port
from tools.models import MODELS, bundled_models

pytestmark = pytest.mark.images
ROOT = Path(__file__).parents[2]
PORT = free_port()  # not 9696: a cluster or `make run` may have that
PAGE = f"http://localhost:{PORT}"


def run(*command, check=True):
    environment = os.environ | {"PORT": str(PORT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, f"{command}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


def compose(*arguments):
    plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0
    command = ["docker", "compose"] if plugin else [shutil.which("docker-compose") or "docker-compose"]
    return run(*command, "--file", "compose.yaml", "--project-name", "image-classifiers-test", *arguments)


@pytest.fixture(scope="module", autouse=True)
def images():
    run("tools/images", "dev")


@pytest.fixture(scope="module")
def answering(images):
    """Both services up, a model answering."""
    compose("up", "--detach", "--no-build")
    end = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(f"{PAGE}/readyz", timeout=2)
            break
        except (urllib.error.URLError, OSError):
            assert time.monotonic() < end, compose("logs")
            time.sleep(0.2)
    yield
    compose("down", "--timeout", "15")


def picture():
    image = Image.new("RGB", (300, 200), "white")
    ImageDraw.Draw(image).ellipse((60, 20, 240, 180), fill="orange")
    data = io.BytesIO()
    image.save(data, "PNG")
    return data.getvalue()


def test_the_gateway_image_is_small():
    """The gateway's image is at most 200 MB."""
    size = int(run("docker", "image", "inspect", "--format", "{{.Size}}", "gateway:dev"))
    assert size <= 200_000_000, size


@pytest.mark.parametrize("image", ["gateway:dev", "model-server:dev"])
def test_an_image_has_no_root_and_no_shell(image):
    """An image runs as a numbered user that is not root, and holds no shell."""
    assert "10001:10001" == run("docker", "image", "inspect", "--format", "{{.Config.User}}", image).strip()
    files = (
        "import os,sys;print([p for p in ('/bin/sh','/bin/bash','/usr/bin/apt','/usr/bin/perl') if os.path.exists(p)])"
    )
    assert "[]" == run("docker", "run", "--rm", "--entrypoint", "/usr/local/bin/python3", image, "-c", files).strip()


def test_the_gateway_image_has_no_tensorflow():
    """Neither TensorFlow nor LiteRT is in the gateway's image."""
    find = "import importlib.util as u; print([n for n in ('tensorflow', 'ai_edge_litert') if u.find_spec(n)])"
    assert (
        "[]"
        == run("docker", "run", "--rm", "--entrypoint", "/usr/local/bin/python3", "gateway:dev", "-c", find).strip()
    )


def test_the_gateway_image_holds_the_goldens():
    """Of each bundled version the gateway's image holds the goldens, and nothing that a model is made of."""
    files = "import os; print(*sorted(os.path.join(d, n) for d, _, ns in os.walk('/goldens') for n in ns), sep='\\n')"
    listed = run("docker", "run", "--rm", "--entrypoint", "/usr/local/bin/python3", "gateway:dev", "-c", files)
    expected = [*MODELS.glob("*/*/golden.json"), *MODELS.glob("*/*/golden/*")]
    assert sorted(f"/goldens/{path.relative_to(MODELS)}" for path in expected) == listed.split()


def test_the_gateway_image_verifies():
    """`gateway verify` runs in the gateway's image with a read-only root; alone, it is red within its time."""
    command = ("docker", "run", "--rm", "--read-only", "--network", "none", "gateway:dev", "verify", "--timeout-s=2")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (1, "") == (done.returncode, done.stderr)
    assert "gateway-pods has no address" in done.stdout
    assert "NOT verified within 2 s: 3 of 3 checks are red" in done.stdout


def test_compose_answers_a_picture(answering):
    """A picture posted to the gateway comes back classified by the model server in the other container."""
    request = urllib.request.Request(f"{PAGE}/predict", picture(), {"Content-Type": "image/png"})
    answer = json.load(urllib.request.urlopen(request, timeout=30))
    assert {"pizza", "not_pizza"} == set(answer)
    assert abs(sum(answer.values()) - 1) < 1e-3


def test_both_images_know_the_models_by_one_list(answering):
    """Every model of apps/model-server/models.config is listed and available, without a setting that names it."""
    listed = json.load(urllib.request.urlopen(f"{PAGE}/v1/models", timeout=10))
    assert [(name, "AVAILABLE") for name in bundled_models()] == [(m["name"], m["state"]) for m in listed["models"]]


def test_compose_runs_with_a_read_only_root(answering):
    """Both containers run with a read-only root file system, without capabilities, and stay up."""
    for service in ("gateway", "model-server"):
        container = compose("ps", "--quiet", service).strip()
        state = json.loads(run("docker", "inspect", container))[0]
        assert state["HostConfig"]["ReadonlyRootfs"]
        assert ["ALL"] == state["HostConfig"]["CapDrop"]
        assert ("running", 0) == (state["State"]["Status"], state["RestartCount"])


def test_the_gateway_names_the_commit_it_was_built_from(answering):
    """`/version` gives the commit that the image was built from."""
    commit = run("git", "rev-parse", "HEAD").strip()
    assert commit == json.load(urllib.request.urlopen(f"{PAGE}/version", timeout=5))["commit"]


def test_the_tensorflow_serving_dockerfile_builds():
    """The production Dockerfile builds on an image that stands in for tensorflow/serving, and takes the same files.

    The real base image cannot be pulled everywhere; what is checked is that paths, user and flags agree.
    """
    base = "model-server-test/tensorflow-serving:stand-in"
    run("docker", "tag", "model-server:dev", base)
    run(
        "docker", "build", "-q", "-f", "apps/model-server/Dockerfile.tensorflow-serving",
        "--build-arg", f"TENSORFLOW_SERVING_IMAGE={base}", "-t", "model-server:tensorflow-serving-test", ".",
    )  # fmt: skip
    config = json.loads(run("docker", "image", "inspect", "model-server:tensorflow-serving-test"))[0]["Config"]
    embedded = json.loads(run("docker", "image", "inspect", "model-server:dev"))[0]["Config"]
    assert embedded["Cmd"] == config["Cmd"]
    assert "10001:10001" == config["User"]
    run("docker", "rmi", "model-server:tensorflow-serving-test", base)
