"""The sample's manifests: what every manifest here must be, less what would hide the two objects that they explain."""

import re

import pytest

from ping.ping import PORT
from tools.manifests.model import Rendering, at
from tools.manifests.rendering import ROOT, build
from tools.manifests.rules import rules
from tools.manifests.schemas import validate

FOLDER = ROOT / "apps" / "ping"
# Rules that the product keeps and the sample does not, and why.
LEFT_OUT = {
    "disruption-budget": "an object of its own; comes with the first node that is drained",
    "ephemeral-storage-limit": "it writes nothing",
    "in-namespace": "goes wherever kubectl points, so that the first command needs no preparation",
    "keep-serving": "Kubernetes' defaults for a rollout are the lesson's",
    "labels": "the one label that the selector needs",
    "liveness-probe": "a process without a state to be stuck in; readiness is the probe to learn first",
    "namespace": "see in-namespace",
    "network": "no policy: the product's table of who may talk to whom does not speak of it",
    "no-service-links": "Kubernetes' default does no harm here",
    "own-image": "an image of the lesson, not of a release",
    "pod-labels": "see labels",
    "pre-stop": "a lost request is shown, and mended, in base/gateway",
    "progress-deadline": "Kubernetes' default, ten minutes",
    "resource-requests": "see ephemeral-storage-limit; processor and memory are requested",
    "service-account-exists": "the namespace's default, without its token",
    "startup-probe": "it starts in a tenth of a second",
    "topology-spread": "a first cluster is one node",
}


@pytest.fixture(scope="module")
def objects():
    """What `kubectl apply -k apps/ping/manifests` applies."""
    return build(FOLDER / "manifests")


def one(objects, kind):
    (found,) = [each for each in objects if each["kind"] == kind]
    return found


def test_two_objects_and_no_more(objects):
    """A Deployment and a Service are what there is to explain."""
    assert ["Service", "Deployment"] == [each["kind"] for each in objects]


def test_the_schemas_know_every_field(objects):
    """No field is misspelt."""
    assert {} == validate(objects)


def test_it_breaks_only_the_rules_that_it_leaves_out(objects):
    """It is held to every rule about the product's manifests, less those with a reason, and each reason is needed."""
    # The rule `network` looks at the components of an overlay, so it is judged as one of that name.
    rendering = Rendering("kind", objects, (), ROOT)
    assert set(LEFT_OUT) == {finding.rule for rule in rules() for finding in rule.judge(rendering)}


def test_service_probe_and_program_agree(objects):
    """The Service leads to the port that the program opens, by the label that its pods wear."""
    service, deployment = one(objects, "Service"), one(objects, "Deployment")
    pod = deployment["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    assert [{"name": "http", "containerPort": PORT}] == container["ports"]
    assert ["http"] == [port["targetPort"] for port in service["spec"]["ports"]]
    assert service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    assert {"path": "/ping", "port": "http"} == at(container, "readinessProbe", "httpGet")
    assert f"EXPOSE {PORT}" in (FOLDER / "Dockerfile").read_text()


def test_the_walk_through_builds_the_image_that_is_run(objects):
    """The image in the manifest is the one that README.md builds and loads."""
    (container,) = one(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    built = set(re.findall(r"(?:docker build -t|kind load docker-image|minikube image load) (\S+)",
                           (FOLDER / "README.md").read_text()))  # fmt: skip
    assert {container["image"]} == built
