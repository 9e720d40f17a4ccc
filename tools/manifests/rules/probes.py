"""Rules about probes: what Kubernetes asks a container, and what follows from the answer."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tools.manifests.configuration import is_model_server, model_names
from tools.manifests.model import at
from tools.manifests.rules import rule
from tools.manifests.workloads import Container, each_container, each_server

_PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
_METADATA = re.compile(r"/v1/models/([^/:]+)/metadata")


def _probes(container: Container) -> Iterator[tuple[str, Mapping[str, Any]]]:
    return ((name, container.definition[name]) for name in _PROBES if at(container.definition, name))


@rule("startup-probe")
@each_server
def startup_probe(container: Container) -> Iterator[str]:
    """Every server has a startup probe, so that a slow start is no reason to kill it."""
    if not at(container.definition, "startupProbe"):
        yield "has no startup probe"


@rule("readiness-probe")
@each_server
def readiness_probe(container: Container) -> Iterator[str]:
    """Every server has a readiness probe, so that it gets no request before it can answer."""
    if not at(container.definition, "readinessProbe"):
        yield "has no readiness probe"


@rule("liveness-probe")
@each_server
def liveness_probe(container: Container) -> Iterator[str]:
    """Every server has a liveness probe, so that one that hangs is restarted."""
    if not at(container.definition, "livenessProbe"):
        yield "has no liveness probe"


@rule("probe-port")
@each_container
def probe_port(container: Container) -> Iterator[str]:
    """A probe asks a port that its container has."""
    for name, probe in _probes(container):
        for how in ("httpGet", "grpc", "tcpSocket"):
            if how in probe and not container.has_port(probe[how]["port"]):
                yield f"has no port {probe[how]['port']} for its {name} to ask"


@rule("probe-timeout")
@each_container
def probe_timeout(container: Container) -> Iterator[str]:
    """A probe gives up before the next one is due."""
    for name, probe in _probes(container):
        timeout_s, period_s = probe.get("timeoutSeconds", 1), probe.get("periodSeconds", 10)
        if timeout_s > period_s:
            yield f"has a {name} that waits {timeout_s} s and is repeated every {period_s} s"


@rule("model-server-readiness")
@each_server
def model_server_readiness(container: Container) -> Iterator[str]:
    """A model server has started, and is ready, when a model that it serves gives its metadata.

    Without /metadata the answer is 200 in any state of the model.
    """
    if not is_model_server(container):
        return
    for name in ("startupProbe", "readinessProbe"):
        path = at(container.definition, name, "httpGet", "path", default="")
        asked = _METADATA.fullmatch(path)
        if name in container.definition and not asked:
            yield f"has a {name} that asks {path or 'no path'}, which is no model's /metadata"
        elif asked and model_names(container) and asked[1] not in model_names(container):
            yield f"has a {name} that asks for the model {asked[1]}, which it does not serve"


@rule("gateway-liveness")
@each_server
def gateway_liveness(container: Container) -> Iterator[str]:
    """A gateway lives by /healthz, which asks no model server, and is ready by /readyz, which does."""
    expected = {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}
    if container.definition["name"] == "gateway":
        for name, probe in _probes(container):
            path = at(probe, "httpGet", "path")
            if path != expected[name]:
                yield f"has a {name} that asks {path}, not {expected[name]}"
