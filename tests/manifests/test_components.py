"""components/: the table of them, and what gpu and model-volume make of the model server."""

import re
from collections.abc import Mapping

import pytest

from tools.manifests.kustomization import NAME, load, save
from tools.manifests.rendering import ENVIRONMENTS, ROOT, all_components, copy_of, reason_against, render

TABLE = re.findall(
    r"^\| \[`([a-z-]+)`\]\(([\w/.-]+)\) \|.*\| ([a-z, ]+) \|$",
    (ROOT / "components/README.md").read_text(),
    re.MULTILINE,
)
DIGEST = "sha256:" + "5" * 64
SERVERS = ["Dockerfile", "Dockerfile.tensorflow-serving"]


def deployment(environment: str, *components: str, name="model-server", tree=ROOT) -> Mapping:
    found = render(environment, components, tree).of_kind("Deployment")
    return next(one["spec"] for one in found if one["metadata"]["name"] == name)


def pod(*arguments, **named) -> Mapping:
    return deployment(*arguments, **named)["template"]["spec"]


def model_image(pod_spec: Mapping) -> Mapping:
    return next(volume["image"] for volume in pod_spec["volumes"] if "image" in volume)


def test_the_table_names_every_component():
    """components/README.md lists each component and links its README."""
    assert [(name, f"{name}/README.md") for name in all_components()] == [(name, link) for name, link, _ in TABLE]


@pytest.mark.parametrize(("name", "environments"), [(name, environments) for name, _, environments in TABLE])
def test_the_table_says_what_goes_together(name, environments):
    """A component is said to go with the overlays that tests build it with."""
    assert [one for one in ENVIRONMENTS if reason_against((one, name)) is None] == environments.split(", ")


def test_gpu_pods_get_a_whole_gpu_and_the_others_none():
    """Only the model server asks for a GPU, for one, and only it may stand on a node that is kept for them."""
    container = pod("prod", "gpu")["containers"][0]
    assert "1" == container["resources"]["limits"]["nvidia.com/gpu"]
    assert "nvidia.com/gpu" not in container["resources"]["requests"]  # it would have to equal the limit
    assert {"nvidia.com/gpu"} == {one["key"] for one in pod("prod", "gpu")["tolerations"]}
    gateway = pod("prod", "gpu", name="gateway")
    assert "tolerations" not in gateway
    assert "nvidia.com/gpu" not in gateway["containers"][0]["resources"]["limits"]


def test_a_gpu_rollout_needs_no_spare_gpu():
    """As many pods as there are GPUs: none is added in a rollout, and the autoscaler adds none either."""
    strategy = deployment("prod", "gpu")["strategy"]["rollingUpdate"]
    assert (0, 1) == (strategy["maxSurge"], strategy["maxUnavailable"])
    scalers = {
        one["metadata"]["name"]: one["spec"] for one in render("prod", ("gpu",)).of_kind("HorizontalPodAutoscaler")
    }
    assert scalers["model-server"]["minReplicas"] == scalers["model-server"]["maxReplicas"]
    assert scalers["gateway"]["minReplicas"] < scalers["gateway"]["maxReplicas"]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_models_image_is_named_where_the_others_are(environment):
    """An `images:` entry for `models`, beside those of the containers, sets the volume's reference: tag or digest."""
    folder = {"kind": "overlays/kind", "prod": "overlays/prod/release"}[environment]
    entry, expected = {
        "kind": ({"name": "models", "newTag": "dev"}, "models:dev"),
        "prod": ({"name": "models", "newName": "host/models", "digest": DIGEST}, f"host/models@{DIGEST}"),
    }[environment]
    tree = copy_of(ROOT)
    kustomization = load(tree / folder / NAME)
    kustomization["images"].append(entry)
    save(tree / folder / NAME, kustomization)
    assert expected == model_image(pod(environment, "model-volume", tree=tree))["reference"]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_forgotten_models_image_is_nobodys(environment):
    """Without that entry the reference is a digest that no image has, never somebody's `latest`."""
    assert re.fullmatch(r"models@sha256:0{64}", model_image(pod(environment, "model-volume"))["reference"])


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_volume_lies_where_the_list_looks(environment):
    """It is mounted read-only at the folder that the base path of every listed model is in."""
    container = pod(environment, "model-volume")["containers"][0]
    (mount,) = (one for one in container["volumeMounts"] if one["name"] == "model-files")
    assert mount["readOnly"]
    lists = [
        one["data"]["models.config"]
        for one in render(environment, ("model-volume",)).of_kind("ConfigMap")
        if "models.config" in one["data"]
    ]
    assert lists
    for listed in lists:
        paths = re.findall(r'base_path: "([^"]+)"', listed)
        assert {mount["mountPath"]} == {path.rpartition("/")[0] for path in paths}


@pytest.mark.parametrize("dockerfile", SERVERS)
def test_a_server_can_be_built_without_models(dockerfile):
    """The target `server` holds no models, runs as no root, and the whole image is it and the models."""
    text = (ROOT / "apps/model-server" / dockerfile).read_text()
    before, server, models = re.fullmatch(
        r"(.*?)(^FROM \S+ AS server\n.*)(^FROM server\n.*)", text, re.DOTALL | re.MULTILINE
    ).groups()
    assert "apps/model-server/models" not in before + server
    assert {"USER 10001:10001"} == set(re.findall(r"^USER .*", server + models, re.MULTILINE))
    assert ["FROM", "COPY", "COPY"] == re.findall(r"^([A-Z]+) ", models, re.MULTILINE)


def test_the_models_image_holds_models_and_nothing_else():
    """apps/model-server/Dockerfile.models copies its context into nothing, and a link to itself for KServe."""
    text = (ROOT / "apps/model-server/Dockerfile.models").read_text()
    lines = [line for line in text[text.index("FROM scratch") :].splitlines() if not line.startswith("#")]
    assert ["FROM scratch", "COPY . /", "COPY --from=link /root-of-image /"] == lines
    assert ["RUN mkdir /root-of-image && ln -s . /root-of-image/models"] == re.findall("^RUN .*", text, re.MULTILINE)
