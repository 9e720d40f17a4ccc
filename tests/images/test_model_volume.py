"""The images of components/model-volume: a server without models, and the models without a server."""

import io
import json
import subprocess
import tarfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.images
ROOT = Path(__file__).parents[2]
MODELS = ROOT / "apps/model-server/models"


def docker(*arguments) -> bytes:
    done = subprocess.run(["docker", *arguments], cwd=ROOT, capture_output=True, check=False)
    assert 0 == done.returncode, done.stderr.decode()[-2000:]
    return done.stdout


def build(*arguments) -> str:
    return docker("build", "--quiet", *arguments).decode().strip()


def test_the_models_image_is_the_folder_of_models():
    """Built of apps/model-server/models, it holds that folder's files at its root, each readable by any user."""
    image = build("-f", "apps/model-server/Dockerfile.models", "apps/model-server/models")
    container = docker("create", image, "none").decode().strip()
    try:
        with tarfile.open(fileobj=io.BytesIO(docker("export", container))) as files:
            inside = list(files)
            held = {one.name: one for one in inside if one.isfile()}
    finally:
        docker("rm", container)
    versions = {path.parent.relative_to(MODELS).as_posix() for path in MODELS.glob("*/*/saved_model.pb")}
    assert versions
    assert versions == {name.removesuffix("/saved_model.pb") for name in held if name.endswith("/saved_model.pb")}
    assert all(one.mode & 0o004 for name, one in held.items() if name.startswith(tuple(versions)))
    # KServe asks for the folder /models: it is the whole.
    assert ["."] == [one.linkname for one in inside if one.name == "models" and one.issym()]


def test_a_server_without_models_says_so():
    """The target `server` is the model server's image but for the models, and does not start without any."""
    image = build("-f", "apps/model-server/Dockerfile", "--target", "server", ".")
    assert "10001:10001" == json.loads(docker("image", "inspect", image))[0]["Config"]["User"]
    find = "import os; print(os.path.exists('/models'))"
    assert b"False\n" == docker("run", "--rm", "--entrypoint", "/usr/local/bin/python3", image, "-c", find)
    flags = ["--model_name=pizza", "--model_base_path=/models/pizza"]
    done = subprocess.run(["docker", "run", "--rm", image, *flags], capture_output=True, timeout=60, check=False)
    assert 0 != done.returncode
    assert b"Could not find base path /models/pizza" in done.stdout + done.stderr
