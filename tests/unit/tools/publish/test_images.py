"""Images that are pushed leave the digests that the registry gave, and nothing when it gave none."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tools.publish import join
from tools.publish.commands import PublishError, architectures, is_local, read_digests

SCRIPT = Path(__file__).parents[4] / "tools/images"
GATEWAY, SERVER = "sha256:" + "a" * 64, "sha256:" + "b" * 64
DOCKER = f"""
case "$1 $2" in
  "version --format") echo arm64 ;;
  "image ls") printf 'gateway:dev 1MB\\nmodel-server:dev 2MB\\n' ;;
  "push "*gateway*) echo "dev: digest: {GATEWAY} size: 1" ;;
  "push "*) echo "dev: digest: {SERVER} size: 1" ;;
  "manifest push") echo {GATEWAY} ;;
esac
"""


def images(tmp_path, *arguments):
    (tmp_path / "tools").mkdir(exist_ok=True)
    shutil.copy(SCRIPT, tmp_path / "tools")
    return subprocess.run([tmp_path / "tools/images", *arguments], capture_output=True, text=True, check=False)


def test_nothing_is_pushed_unasked(tmp_path, stand_in):
    """Without a registry images are built, and stay on the machine."""
    calls = stand_in("docker", DOCKER)
    assert 0 == images(tmp_path).returncode
    assert 2 == sum(call.startswith("build ") for call in calls())
    assert [] == [call for call in calls() if call.startswith("push")]
    assert not (tmp_path / "build").exists()


def test_digests_are_those_of_the_registry(tmp_path, stand_in):
    """With a registry each image is pushed by tag and architecture, and its digest noted under the architecture."""
    calls = stand_in("docker", DOCKER)
    done = images(tmp_path, "dev", "registry.example.org/some")
    assert 0 == done.returncode, done.stderr
    assert {"arm64": {"gateway": GATEWAY, "model-server": SERVER}} == architectures(tmp_path / "build/digests")
    assert "push registry.example.org/some/gateway:dev-arm64" in calls()


@pytest.mark.parametrize("push", ["exit 1", "echo pushed, perhaps"])
def test_a_push_that_failed_leaves_no_digest(tmp_path, stand_in, push):
    """When a push fails, or says no digest, the target is red and there is no file that could be promoted."""
    stand_in(
        "docker", f'[[ $1 == push ]] && {{ {push}; exit; }}\n[[ "$1 $2" == "image ls" ]] && echo gateway:dev 1MB; true'
    )
    assert 0 != images(tmp_path, "dev", "registry.example.org/some").returncode
    assert not (tmp_path / "build/digests").exists()


def test_architectures_become_one_image(pushed, stand_in):
    """Every architecture's digest goes into the list of each app, whose own digest is what is written down."""
    calls = stand_in("docker", DOCKER)
    (pushed / "build/digests.json").unlink()
    join.join("registry.example.org/some", "v1", pushed)
    assert {"gateway": GATEWAY, "model-server": GATEWAY} == read_digests(pushed / "build/digests.json")
    name = "registry.example.org/some/gateway"
    assert f"manifest create {name}:v1 {name}@{GATEWAY} {name}@{GATEWAY}" in calls()


def test_a_list_without_digest_is_not_believed(pushed, stand_in):
    """When Docker does not say the list's digest, nothing is written down."""
    stand_in("docker")
    (pushed / "build/digests.json").unlink()
    with pytest.raises(PublishError, match="did not say the digest"):
        join.join("registry.example.org/some", "v1", pushed)
    assert not (pushed / "build/digests.json").exists()


@pytest.mark.parametrize(
    "text", ["", "[]", json.dumps({"gateway": GATEWAY}), json.dumps({"gateway": GATEWAY, "model-server": "v1"})]
)
def test_a_file_of_digests_is_whole(tmp_path, text):
    """A file that lacks an app, or has a tag in place of a digest, is refused."""
    (tmp_path / "digests.json").write_text(text)
    with pytest.raises(PublishError):
        read_digests(tmp_path / "digests.json")


def test_no_architecture_is_an_error(tmp_path):
    """Nothing pushed is not an empty list of images."""
    with pytest.raises(PublishError, match="make images PUSH="):
        architectures(tmp_path)


def test_only_this_machine_goes_without_tls():
    """A registry without TLS is one on this machine; a name that begins alike is not."""
    assert [True, True] == [is_local("localhost:5000/some"), is_local("127.0.0.1/some")]
    assert [False, False] == [is_local("localhost.example.org/some"), is_local("registry.example.org/localhost")]
