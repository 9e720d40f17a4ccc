"""Rules about the overlays beside each other."""

import re
from collections.abc import Iterator

from tools.manifests.configuration import HASH
from tools.manifests.model import Finding, Rendering, Repository, name_of
from tools.manifests.rendering import ENVIRONMENTS
from tools.manifests.rules import repository_rule

# What one environment has and another need not have, and why.
_ONLY_IN = {
    ("prod", "HorizontalPodAutoscaler"): "kind brings no metrics server",
    ("prod", "Ingress"): "kind is reached by a port of its node",
}


def _names(rendering: Rendering) -> set[str]:
    return {
        re.sub(f"{HASH}$", "", name_of(found)) if found["kind"] == "ConfigMap" else name_of(found)
        for found in rendering.objects
        if found["kind"] != "Namespace" and (rendering.environment, found["kind"]) not in _ONLY_IN
    }


@repository_rule("same-objects")
def same_objects(repository: Repository) -> Iterator[Finding]:
    """All overlays have the same objects, but for those that are allowed to be in one alone."""
    overlays = (one for one in repository.overlays() if one.environment in ENVIRONMENTS)  # KServe's has other kinds
    names = {rendering.environment: _names(rendering) for rendering in overlays}
    everywhere = set.intersection(*names.values()) if names else set()
    for environment, there in names.items():
        for name in sorted(there - everywhere):
            yield Finding(name, f"is in {environment} and not in every overlay")
