"""Who may talk to whom, as the NetworkPolicies have it."""

import ipaddress
from collections.abc import Iterator

from gateway.addresses import GLOBAL_UNICAST_V6, NOT_PUBLIC_V4, NOT_PUBLIC_V6, is_public
from tools.manifests.matrix import PAGE, YES, matrix, meant, own_ends
from tools.manifests.model import Finding, Rendering
from tools.manifests.network import End, Port, allows
from tools.manifests.rendering import listed_components
from tools.manifests.rules import rule

# What a URL of a picture may lead to.
_PORTS = (Port(80), Port(443))


@rule("network")
def network(rendering: Rendering) -> Iterator[Finding]:
    """Pods talk to whom docs/network.md says, and to nobody else."""
    listed = listed_components(rendering.tree / "overlays" / rendering.environment)  # the overlay's own too
    with_these = {YES, rendering.environment} | listed
    said = meant()
    for (place, source), allowed in matrix(rendering).items():
        if allowed != bool(said.get((place, source), frozenset()) & with_these):
            yield Finding(source, f"{'may' if allowed else 'may not'} connect to {place}, unlike docs/{PAGE.name}")


@rule("public-internet")
def public_internet(rendering: Rendering) -> Iterator[Finding]:
    """The gateway may fetch from the addresses that apps/gateway/addresses.py calls public, and from no others.

    Tried at both sides of both edges of each network that it names.
    """
    policies = tuple(rendering.of_kind("NetworkPolicy"))
    for source in own_ends(rendering):
        if source.name != "gateway":
            continue
        for address in _edges():
            for port in _PORTS:
                allowed = allows(policies, source, End("internet", address=address), port)
                if allowed != is_public(address):
                    yield Finding(
                        source.name, f"{'may' if allowed else 'may not'} fetch from {address}, port {port.number}"
                    )


def _edges() -> Iterator[str]:
    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]
    networks = (*NOT_PUBLIC_V4, *NOT_PUBLIC_V6, GLOBAL_UNICAST_V6)
    for net in networks:
        address = ipaddress.IPv4Address if net in NOT_PUBLIC_V4 else ipaddress.IPv6Address
        first, last = int(net.network_address), int(net.broadcast_address)
        for number in (first - 1, first, last, last + 1):
            if 0 <= number < 2**net.max_prefixlen:
                yield str(address(number))
