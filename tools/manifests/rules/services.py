"""Rules about how a request finds a pod: Services, and the Ingress in front."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tools.manifests.configuration import environment, is_model_server
from tools.manifests.model import Manifest, Rendering, at
from tools.manifests.rules import rule
from tools.manifests.workloads import Container, Pod, each, each_container, pods, selects

_ALB = "alb.ingress.kubernetes.io"
_GRPC = "grpc"


def _selected(rendering: Rendering, service: Manifest) -> list[Pod]:
    selector = at(service, "spec", "selector", default={})
    return [pod for pod in pods(rendering) if selector and selects(selector, pod.labels)]


def _ports(service: Manifest) -> list[Mapping[str, Any]]:
    return list(at(service, "spec", "ports", default=()))


@rule("service-selects")
@each("Service")
def service_selects(rendering: Rendering, service: Manifest) -> Iterator[str]:
    """A Service selects pods that are there."""
    if not _selected(rendering, service):
        yield "selects no pod"


@rule("service-port")
@each("Service")
def service_port(rendering: Rendering, service: Manifest) -> Iterator[str]:
    """A Service leads to a port that the pods have, by name."""
    for port in _ports(service):
        target = port.get("targetPort", port["port"])
        if not isinstance(target, str):
            yield f"leads to port {target}, not to a port by its name"
            continue
        for pod in _selected(rendering, service):
            if not any(container.has_port(target) for container in pod.containers()):
                yield f"leads to the port {target}, which the pods have not"


@rule("headless-model-server")
@each("Service")
def headless_model_server(rendering: Rendering, service: Manifest) -> Iterator[str]:
    """A Service for gRPC is headless: a cluster address would pin each connection to one pod."""
    serves = any(is_model_server(container) for pod in _selected(rendering, service) for container in pod.containers())
    if (
        serves
        and any(port.get("name") == _GRPC for port in _ports(service))
        and at(service, "spec", "clusterIP") != "None"
    ):
        yield "is not headless: clusterIP is not None"


@rule("gateway-finds-model-server")
@each_container
def gateway_finds_model_server(container: Container) -> Iterator[str]:
    """GATEWAY_MODEL_SERVER is the model server in the gateway's pod, or dns:/// with a Service that leads to one."""
    target = environment(container).get("GATEWAY_MODEL_SERVER")
    if target is None:
        return
    rendering = container.pod.rendering
    beside = [each for each in container.pod.containers() if is_model_server(each)]
    there = [f"localhost:{each.ports()[_GRPC]}" for each in beside if _GRPC in each.ports()]
    there += [
        f"dns:///{service['metadata']['name']}:{port['port']}"
        for service in rendering.of_kind("Service")
        for port in _ports(service)
        if port.get("name") == _GRPC
        and any(is_model_server(container) for pod in _selected(rendering, service) for container in pod.containers())
    ]
    if target not in there:
        yield f"asks {target}, and the model servers are at {', '.join(there) or 'no Service'}"


@rule("service-type")
@each("Service")
def service_type(rendering: Rendering, service: Manifest) -> Iterator[str]:
    """No Service opens a load balancer of its own, and only kind opens a port of the node."""
    allowed = {"ClusterIP", "NodePort"} if rendering.environment == "kind" else {"ClusterIP"}
    kind = at(service, "spec", "type", default="ClusterIP")
    if kind not in allowed:
        yield f"is a {kind}"


@rule("ingress-class")
@each("Ingress")
def ingress_class(_: Rendering, ingress: Manifest) -> Iterator[str]:
    """An Ingress says which controller it is for."""
    if not at(ingress, "spec", "ingressClassName"):
        yield "has no ingressClassName"


@rule("ingress-tls")
@each("Ingress")
def ingress_tls(_: Rendering, ingress: Manifest) -> Iterator[str]:
    """Every host of an Ingress has TLS, and no request is answered whatever its host."""
    covered = {host for entry in at(ingress, "spec", "tls", default=()) for host in entry.get("hosts", ())}
    if at(ingress, "spec", "defaultBackend"):
        yield "has a defaultBackend, which answers any host"
    for entry in at(ingress, "spec", "rules", default=()):
        if entry.get("host") not in covered:
            yield f"host {entry.get('host', '*')} has no TLS"


@rule("ingress-redirect")
@each("Ingress")
def ingress_redirect(_: Rendering, ingress: Manifest) -> Iterator[str]:
    """A load balancer that listens to plain HTTP sends people to HTTPS."""
    annotations = at(ingress, "metadata", "annotations", default={})
    listens = json.loads(annotations.get(f"{_ALB}/listen-ports", "[]"))
    if any("HTTP" in port for port in listens) and f"{_ALB}/ssl-redirect" not in annotations:
        yield "answers plain HTTP without sending people to HTTPS"


@rule("ingress-backend")
@each("Ingress")
def ingress_backend(rendering: Rendering, ingress: Manifest) -> Iterator[str]:
    """An Ingress leads to a Service and a port that are there."""
    services = {service["metadata"]["name"]: service for service in rendering.of_kind("Service")}
    for entry in at(ingress, "spec", "rules", default=()):
        for path in at(entry, "http", "paths", default=()):
            backend = path["backend"]["service"]
            ports = _ports(services.get(backend["name"], {}))
            wanted = backend["port"].items()
            if not any(wanted <= {"name": port.get("name"), "number": port["port"]}.items() for port in ports):
                yield f"leads to {backend['name']}:{next(iter(backend['port'].values()))}, which is not there"
