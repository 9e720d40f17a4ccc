"""Rules about images, of containers and of volumes alike."""

import re
from collections.abc import Iterator

from tools.manifests.configuration import environment
from tools.manifests.model import at
from tools.manifests.rules import rule
from tools.manifests.workloads import Container, Pod, each_container, each_pod

# What this repository builds: apps/gateway/Dockerfile, apps/model-server/Dockerfile*.
_OWN = ("gateway", "model-server", "models")
_REFERENCE = re.compile(r"(?P<name>[^@]+?)(:(?P<tag>[\w][\w.-]{0,127}))?(@(?P<digest>sha256:[0-9a-f]{64}))?")


def _images(pod: Pod) -> Iterator[tuple[str, str]]:
    """Give what uses an image, and the image."""
    for container in pod.containers():
        yield str(container), container.definition.get("image", "")
    for volume in pod.volumes():
        if "image" in volume:
            yield f"volume {volume['name']}", at(volume, "image", "reference", default="")


@rule("image-tag")
@each_pod
def image_tag(pod: Pod) -> Iterator[str]:
    """No image is `latest` or without a tag: both are another image tomorrow."""
    for user, image in _images(pod):
        reference = _REFERENCE.fullmatch(image)
        if not reference or reference["tag"] == "latest" or not (reference["tag"] or reference["digest"]):
            yield f"{user} has the image {image or 'without a name'}"


@rule("image-digest")
@each_pod
def image_digest(pod: Pod) -> Iterator[str]:
    """In prod every image is named by its digest, so that what was tested is what runs."""
    for user, image in _images(pod) if pod.rendering.environment == "prod" else ():
        reference = _REFERENCE.fullmatch(image)
        if not reference or not reference["digest"]:
            yield f"{user} has the image {image}, which has no digest"


@rule("own-image")
@each_pod
def own_image(pod: Pod) -> Iterator[str]:
    """Every image is one that this repository builds."""
    for user, image in _images(pod):
        reference = _REFERENCE.fullmatch(image)
        if not reference or reference["name"].rpartition("/")[2] not in _OWN:
            yield f"{user} has the image {image}, which is none of {', '.join(_OWN)}"


@rule("image-told")
@each_container
def image_told(container: Container) -> Iterator[str]:
    """GATEWAY_IMAGE, which /version tells and verification compares, is the image that runs."""
    told = environment(container).get("GATEWAY_IMAGE")
    if told is not None and told != container.definition.get("image"):
        yield f"is told that it is {told}, and is {container.definition.get('image')}"


@rule("image-pull-policy")
@each_pod
def image_pull_policy(pod: Pod) -> Iterator[str]:
    """No pod needs the registry to start again on a node that has its images; kind's images are in no registry."""
    for container in pod.containers():
        policy = container.definition.get("imagePullPolicy")
        if policy != "IfNotPresent":
            yield f"{container} has the imagePullPolicy {policy}, not IfNotPresent"
