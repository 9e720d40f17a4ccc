"""Rules about KServe's objects; what their pods are is judged as all pods are."""

from collections.abc import Iterator

from tools.manifests.inference import NATIVE
from tools.manifests.model import Manifest, Rendering, at
from tools.manifests.rules import rule
from tools.manifests.workloads import each

_API = "serving.kserve.io"
_WHOLE = 100


@rule("standard-mode")
@each("InferenceService")
def standard_mode(_: Rendering, service: Manifest) -> Iterator[str]:
    """An InferenceService is in Standard mode by its own word: a cluster's default may be Knative."""
    mode = at(service, "metadata", "annotations", f"{_API}/deploymentMode")
    if mode != "Standard":
        yield f"has the deploymentMode {mode}, not Standard"


@rule("runtime-exists")
@each("InferenceService")
def runtime_exists(rendering: Rendering, service: Manifest) -> Iterator[str]:
    """An InferenceService names a ServingRuntime that is there and takes the model's format."""
    runtimes = {each["metadata"]["name"]: each["spec"] for each in rendering.of_kind("ServingRuntime")}
    for model in _models(service):
        name, wanted = model.get("runtime"), model["modelFormat"]
        if name not in runtimes:
            yield f"names the runtime {name}, which is not there"
        elif not any(
            wanted.items() <= taken.items() for taken in at(runtimes[name], "supportedModelFormats", default=())
        ):
            yield f"has a model of the format {' '.join(wanted.values())}, which the runtime {name} does not take"


@rule("model-image")
@each("InferenceService")
def model_image(_: Rendering, service: Manifest) -> Iterator[str]:
    """An InferenceService's model is a volume of an image: for any other KServe adds a container that fetches it."""
    for model in _models(service):
        uri = model.get("storageUri")
        if not str(uri).startswith(NATIVE):
            yield f"has the storageUri {uri}, not {NATIVE}IMAGE"


@rule("canary-share")
@each("InferenceService")
def canary_share(_: Rendering, service: Manifest) -> Iterator[str]:
    """A canary has its trafficPercent of the pods to a pod: its share of the pods is its share of the requests."""
    count = at(service, "spec", "predictor", "minReplicas", default=1)
    for canary in at(service, "spec", "canary", default=()):
        pods = count * canary["trafficPercent"] / _WHOLE
        if pods != int(pods) or pods >= count:
            yield f"gives its canary {canary['trafficPercent']} % of {count} pods, which is no number of them"


def _models(service: Manifest) -> list[Manifest]:
    predictors = [service["spec"]["predictor"]]
    predictors += [canary["predictor"] for canary in at(service, "spec", "canary", default=())]
    return [each["model"] for each in predictors]
