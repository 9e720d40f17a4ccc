"""overlays/kserve before any cluster sees it, and what KServe is said to make of it."""

import copy
import json
from dataclasses import replace

import pytest

from tools.manifests.inference import templates
from tools.manifests.rendering import KSERVE, own_components, render
from tools.manifests.workloads import pods
from tools.models import bundled_models


@pytest.fixture(scope="module")
def rendering():
    return render(KSERVE)


def named(rendering, kind):
    return {each["metadata"]["name"]: each for each in rendering.of_kind(kind)}


def test_the_models_that_come_with_the_repository_are_inference_services(rendering):
    """KServe serves them too; one that somebody adds is KServe's when they say so, and one that is not there never."""
    names = set(named(rendering, "InferenceService"))
    assert {"pizza", "clothing", "fashion-mnist"} <= names <= set(bundled_models())


def test_inference_services_differ_by_name_alone(rendering):
    """What holds for one model holds for all."""
    bare = []
    for service in map(copy.deepcopy, rendering.of_kind("InferenceService")):
        assert service["metadata"]["name"] == service["metadata"]["labels"].pop("app.kubernetes.io/name")
        del service["metadata"]["name"]
        bare.append(service)
    assert all(bare[0] == other for other in bare)


def test_runtimes_differ_by_the_servers_image_alone(rendering):
    """TensorFlow Serving takes the embedded server's flags, ports and probes."""
    embedded, other = (
        copy.deepcopy(named(rendering, "ServingRuntime")[name]) for name in ("embedded", "tensorflow-serving")
    )
    assert "model-server:tensorflow-serving" == other["spec"]["containers"][0]["image"]
    other["spec"]["containers"][0]["image"] = embedded["spec"]["containers"][0]["image"]
    assert embedded["spec"] == other["spec"]


def test_kserve_makes_what_overlays_of_deployments_have(rendering):
    """No Deployment, Service or autoscaler is beside KServe's; budget and settings are the base's."""
    kinds = {each["kind"] for each in rendering.objects}
    assert not kinds & {"Deployment", "Service", "HorizontalPodAutoscaler"}
    kind = {(each["kind"], each["metadata"]["name"]): each for each in render("kind").objects}
    for each in rendering.objects:
        key = each["kind"], each["metadata"]["name"]
        if each["kind"] in {"ConfigMap", "PodDisruptionBudget"}:
            assert each.get("data") == kind[key].get("data")
            assert each.get("spec") == kind[key].get("spec")


def test_a_pod_has_the_models_name_wherever_the_runtime_says_so(rendering):
    """{{.Name}} is the InferenceService's, in flags, probes and settings."""
    for pod in pods(rendering):
        assert "{{" not in str(pod.template)
        assert f"/v1/models/{pod.owner['metadata']['name']}/metadata" in str(pod.template)


def test_both_containers_see_the_models_image(rendering):
    """KServe mounts the folder /models of it, read-only."""
    pod = next(pods(rendering))
    (volume,) = [each for each in pod.volumes() if "image" in each]
    assert "models:dev" == volume["image"]["reference"]
    mounts = [mount for each in pod.containers() for mount in each.definition["volumeMounts"]]
    expected = {"name": volume["name"], "mountPath": "/mnt/models", "subPath": "models", "readOnly": True}
    assert 2 == mounts.count(expected)


def test_a_canary_is_the_stable_pod_with_another_image_of_models():
    """What a canary does not say is as its stable predictor has it."""
    assert ("canary",) == own_components(KSERVE)
    rendering = render(KSERVE, ("canary",))
    stable, canary = templates(rendering, named(rendering, "InferenceService")["pizza"])
    assert "models:canary" in str(canary)
    assert stable == json.loads(json.dumps(canary).replace("models:canary", "models:dev"))


def test_what_kserve_makes_no_pod_of_has_none(rendering):
    """An InferenceService whose runtime is not there; the rule runtime-exists says so."""
    objects = [each for each in rendering.objects if each["kind"] != "ServingRuntime"]
    assert [] == list(pods(replace(rendering, objects=tuple(objects))))
