"""The pods that KServe makes of an InferenceService and its ServingRuntime, so that the rules about pods judge them.

In Standard mode and as far as this repository uses it; tests/kserve holds it to what KServe 0.20 makes on a cluster.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tools.manifests.model import Manifest, Rendering, at

MODEL_PATH = "/mnt/models"
NATIVE = "oci+native://"
_VOLUME = "mnt-models"
# Fields of a predictor that are not its pod's.
_OF_KSERVE = ("model", "name", "minReplicas", "maxReplicas", "deploymentStrategy", "labels", "annotations")


def templates(rendering: Rendering, service: Manifest) -> Iterator[dict[str, Any]]:
    """Give the pod templates of an InferenceService: its predictor's, then those of its canaries.

    One whose runtime is not in the rendering has none.
    """
    stable = at(service, "spec", "predictor", default={})
    for predictor in (
        stable,
        *(_merged(stable, each["predictor"]) for each in at(service, "spec", "canary", default=())),
    ):
        name = at(predictor, "model", "runtime")
        runtime = next((each for each in rendering.of_kind("ServingRuntime") if each["metadata"]["name"] == name), None)
        if runtime is not None:
            yield _template(service, predictor, runtime)


def _template(service: Manifest, predictor: Mapping[str, Any], runtime: Manifest) -> dict[str, Any]:
    own = {"serving.kserve.io/inferenceservice": service["metadata"]["name"], "component": "predictor"}
    labels = {**at(service, "metadata", "labels", default={}), **at(predictor, "labels", default={}), **own}
    spec = {key: value for key, value in predictor.items() if key not in _OF_KSERVE}
    told = json.dumps(at(runtime, "spec", "containers", default=()))
    spec["containers"] = json.loads(told.replace("{{.Name}}", service["metadata"]["name"]))
    spec["volumes"] = [*at(runtime, "spec", "volumes", default=()), *at(predictor, "volumes", default=())]
    _mount(spec["containers"], spec["volumes"], at(predictor, "model", "storageUri", default=""))
    return {"metadata": {"labels": labels}, "spec": spec}


def _mount(containers: Sequence[dict[str, Any]], volumes: list[Any], uri: str) -> None:
    if uri.startswith(NATIVE):
        volumes.append(
            {"name": _VOLUME, "image": {"reference": uri.removeprefix(NATIVE), "pullPolicy": "IfNotPresent"}}
        )
        for container in containers:
            mount = {"name": _VOLUME, "mountPath": MODEL_PATH, "subPath": "models", "readOnly": True}
            container["volumeMounts"] = [*at(container, "volumeMounts", default=()), mount]


def _merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    both = {key: _merged(under[key], over[key]) for key in under.keys() & over.keys() if isinstance(over[key], Mapping)}
    return {**under, **over, **both}
