"""Evaluate NetworkPolicies: may one talk to another?

Semantics: Kubernetes' documentation of NetworkPolicy (networking.k8s.io/v1). A pod that a policy selects is isolated in
the policy's directions; what any of these policies allows is allowed. A connection needs the leave of both ends. What
is not understood is an error, so that nothing is taken for allowed or refused by mistake.
"""

import functools
import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tools.manifests.model import Manifest

NAMESPACE_LABEL = "kubernetes.io/metadata.name"  # Kubernetes puts it on every namespace


@dataclass(frozen=True)
class End:
    """One end of a connection: a pod, or with an empty namespace an address outside the cluster's pods."""

    name: str
    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    namespace_labels: Mapping[str, str] = field(default_factory=dict)
    address: str = ""
    ports: Mapping[str, int] = field(default_factory=dict)  # of its containers, by name

    @property
    def is_pod(self) -> bool:
        """Say whether policies can select it."""
        return bool(self.namespace)


@dataclass(frozen=True)
class Port:
    """A port and its protocol."""

    number: int
    protocol: str = "TCP"


def allows(policies: Sequence[Manifest], source: End, destination: End, port: Port) -> bool:
    """Tell whether a connection is allowed: by the egress of its source and the ingress of its destination."""
    return _leaves(policies, source, destination, port) and _enters(policies, source, destination, port)


def isolates(policy: Manifest, pod: End, direction: str) -> bool:
    """Tell whether a policy takes a pod's freedom in a direction, `Ingress` or `Egress`."""
    spec = policy["spec"]
    # Without policyTypes: always Ingress, and Egress where there are egress rules.
    types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    return (
        direction in types
        and policy["metadata"].get("namespace", "default") == pod.namespace
        and _selects(spec.get("podSelector") or {}, pod.labels)
    )


def _leaves(policies: Iterable[Manifest], source: End, destination: End, port: Port) -> bool:
    isolating = [policy for policy in policies if source.is_pod and isolates(policy, source, "Egress")]
    return not isolating or any(
        _rule_allows(rule, "to", source.namespace, destination) and _is_any_port(rule, port, destination)
        for policy in isolating
        for rule in policy["spec"].get("egress") or ()
    )


def _enters(policies: Iterable[Manifest], source: End, destination: End, port: Port) -> bool:
    isolating = [policy for policy in policies if destination.is_pod and isolates(policy, destination, "Ingress")]
    return not isolating or any(
        _rule_allows(rule, "from", destination.namespace, source) and _is_any_port(rule, port, destination)
        for policy in isolating
        for rule in policy["spec"].get("ingress") or ()
    )


def _rule_allows(rule: Mapping[str, Any], side: str, namespace: str, peer: End) -> bool:
    _known(rule, {side, "ports"})
    peers = rule.get(side) or ()  # no list, or an empty one, is no restriction; so below
    return not peers or any(_is_peer(each, namespace, peer) for each in peers)


def _is_any_port(rule: Mapping[str, Any], port: Port, destination: End) -> bool:
    ports = rule.get("ports") or ()
    return not ports or any(_is_port(each, port, destination) for each in ports)


def _is_peer(peer: Mapping[str, Any], namespace: str, end: End) -> bool:
    _known(peer, {"podSelector", "namespaceSelector", "ipBlock"})
    if (block := peer.get("ipBlock")) is not None:
        if len(peer) > 1:
            raise ValueError("an ipBlock does not go with selectors")
        return _in_block(block, end.address)
    if not end.is_pod or not peer:
        return False
    pods, namespaces = peer.get("podSelector"), peer.get("namespaceSelector")
    of_namespace = end.namespace == namespace if namespaces is None else _selects(namespaces, end.namespace_labels)
    return of_namespace and _selects(pods or {}, end.labels)


def _in_block(block: Mapping[str, Any], text: str) -> bool:
    _known(block, {"cidr", "except"})
    # A pod's own address counts too: network plugins differ, and what one of them allows is allowed.
    if not text:
        return False
    address = ipaddress.ip_address(text)
    # An address of the other family is in no network of this one.
    return address in _network(block["cidr"]) and not any(
        address in _network(hole) for hole in block.get("except") or ()
    )


_network = functools.cache(ipaddress.ip_network)


def _is_port(wanted: Mapping[str, Any], port: Port, destination: End) -> bool:
    _known(wanted, {"port", "endPort", "protocol"})
    if wanted.get("protocol", "TCP") != port.protocol:
        return False
    first = wanted.get("port")
    if first is None:
        return True
    if isinstance(first, str):  # the name of a port of the pod that is called
        return destination.ports.get(first) == port.number
    return bool(first <= port.number <= wanted.get("endPort", first))


def _selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Tell whether a label selector matches; an empty one matches everything."""
    _known(selector, {"matchLabels", "matchExpressions"})
    wanted: Mapping[str, str] = selector.get("matchLabels") or {}
    return all(labels.get(key) == value for key, value in wanted.items()) and all(
        _holds(expression, labels) for expression in selector.get("matchExpressions") or ()
    )


def _holds(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or ()
    match expression["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case unknown:
            raise ValueError(f"there is no operator {unknown}")


def _known(value: Mapping[str, Any], keys: set[str]) -> None:
    if unknown := set(value) - keys:
        raise ValueError(f"a NetworkPolicy has no {', '.join(sorted(unknown))} here")
