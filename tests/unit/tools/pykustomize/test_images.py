"""Setting images with the real Kustomize."""

import pytest
import yaml

from pykustomize import EditError
from tools.manifests.rendering import ROOT, copy_of

ONES, TWOS = (f"sha256:{digit * 64}" for digit in "12")
COMMENTED = f"""\
# What is released.
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
images:
  # ours
  - name: model-server  # the second one
    newName: reg/model-server
    digest: {ONES}  # of Monday
  - name: gateway
    # where it lives
    newName: reg/gateway
    newTag: "1.10"  # quoted: a tag is no number

# the end
"""
CASES = {
    "a digest for a digest": (
        {"image": "model-server", "digest": TWOS},
        f"digest: {ONES}  # of Monday",
        f"digest: {TWOS}  # of Monday",
    ),
    "a digest for a tag": (
        {"image": "gateway", "digest": TWOS},
        'newTag: "1.10"  # quoted',
        f"digest: {TWOS}  # quoted",
    ),
    "a tag for a digest": ({"image": "model-server", "tag": "v2"}, f"digest: {ONES}", "newTag: v2"),
    "a tag that looks like a number": ({"image": "gateway", "tag": "1.20"}, '"1.10"', '"1.20"'),
    "a name alone": ({"image": "gateway", "name": "other/gateway"}, "newName: reg/gateway", "newName: other/gateway"),
    "a name alone keeps the digest": (
        {"image": "model-server", "name": "r/m"},
        "newName: reg/model-server",
        "newName: r/m",
    ),
    "tag and digest": (
        {"image": "model-server", "tag": "v2", "digest": TWOS},
        f"model-server  # the second one\n    newName: reg/model-server\n    digest: {ONES}",
        f"model-server  # the second one\n    newTag: v2\n    newName: reg/model-server\n    digest: {TWOS}",
    ),
    "an image that is not listed": (
        {"image": "new", "name": "reg/new", "tag": "v1"},
        "quoted: a tag is no number\n",
        "quoted: a tag is no number\n  - name: new\n    newName: reg/new\n    newTag: v1\n",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_only_the_value_changes(kustomize, tmp_path, case):
    """Every other character stays: comments, order, layout; and YAML reads what `kustomize edit` would have written."""
    arguments, before, after = CASES[case]
    assert before in COMMENTED
    file = tmp_path / "kustomization.yaml"
    file.write_text(COMMENTED)
    assert kustomize.set_image(tmp_path, **arguments)
    assert COMMENTED.replace(before, after) == file.read_text()
    assert not kustomize.set_image(tmp_path, **arguments)
    assert [file] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "text",
    [
        "resources: [a.yaml]\n",
        "images: []\n",
        "images: [{name: gateway, newTag: v1}]\n",
        "images:\n- {name: gateway, newTag: v1}\n",
        "images:\n- newTag: v1\n  name: gateway\n",
        "images:\n- digest: sha256:12\n  newTag: v1\n  name: gateway\n",
        "images:\n- name: other",
    ],
)
def test_every_way_of_writing_images_is_understood(kustomize, tmp_path, text):
    """Whatever the layout, the entry is as asked for and nothing else is lost."""
    (tmp_path / "kustomization.yaml").write_text(text)
    kustomize.set_image(tmp_path, "gateway", name="reg/gateway", digest=TWOS)
    written = yaml.safe_load((tmp_path / "kustomization.yaml").read_text())
    assert {"name": "gateway", "newName": "reg/gateway", "digest": TWOS} in written["images"]
    assert {found["name"] for found in written["images"]} == {"gateway"} | ({"other"} if "other" in text else set())
    assert (yaml.safe_load(text).get("resources")) == written.get("resources")


def test_comments_are_never_lost(kustomize, tmp_path):
    """Where the text cannot be kept, nothing is written and the error says what to do."""
    text = "images: [{name: gateway, newTag: v1}]  # why\n"
    (tmp_path / "kustomization.yaml").write_text(text)
    with pytest.raises(EditError, match="would lose the comments"):
        kustomize.set_image(tmp_path, "gateway", tag="v2")
    assert text == (tmp_path / "kustomization.yaml").read_text()


def test_the_release_of_prod_can_be_promoted(kustomize):
    """A promotion changes two lines of overlays/prod/release, and a build has the new digests."""
    prod = copy_of(ROOT) / "overlays/prod"
    file = prod / "release/kustomization.yaml"
    before = file.read_text().splitlines()
    for image in ("gateway", "model-server"):
        assert kustomize.set_image(prod / "release", image, digest=TWOS)
    after = file.read_text().splitlines()
    assert 2 == sum(old != new for old, new in zip(before, after, strict=True))
    deployments = [found for found in kustomize.build(prod) if found["kind"] == "Deployment"]
    images = {found["spec"]["template"]["spec"]["containers"][0]["image"] for found in deployments}
    assert 2 == len(images)
    assert all(image.endswith(f"@{TWOS}") for image in images)


@pytest.mark.parametrize(
    "arguments",
    [{}, {"digest": "sha256:12"}, {"digest": "latest"}, {"tag": "a b"}, {"tag": "-x"}],
)
def test_nonsense_is_refused(kustomize, tmp_path, arguments):
    """What can be no tag or digest never reaches a file."""
    (tmp_path / "kustomization.yaml").write_text(COMMENTED)
    with pytest.raises(ValueError, match=r"digest" if "digest" in arguments else r"tag"):
        kustomize.set_image(tmp_path, "gateway", **arguments)
    assert COMMENTED == (tmp_path / "kustomization.yaml").read_text()


def test_a_folder_without_kustomization_is_an_error(kustomize, tmp_path):
    """The wrong folder is told, as is a file that is no YAML."""
    with pytest.raises(EditError, match=r"holds no kustomization\.yaml"):
        kustomize.set_image(tmp_path, "gateway", tag="v1")
    (tmp_path / "kustomization.yaml").write_text("images: [")
    with pytest.raises(EditError, match="cannot be read"):
        kustomize.set_image(tmp_path, "gateway", tag="v1")
