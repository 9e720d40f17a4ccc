"""Tell which address a request came from, behind proxies that are trusted to say so.

A proxy appends to X-Forwarded-For whom it heard from. So the header is read from its end, as long as the one who wrote
an entry is trusted; what comes before was written by strangers and means nothing.
"""

import ipaddress
from collections.abc import Sequence

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_MAX_HOPS = 32  # of proxies that are trusted; a longer chain is nobody's
_IPV6_SITE_BITS = 64  # what one customer has at least, and may change within as it likes


def read_networks(text: str) -> tuple[Network, ...]:
    """Read networks such as `10.0.0.0/8, 2001:db8::/32`. Raises: ValueError."""
    networks: list[Network] = []
    for part in (part.strip() for part in text.split(",") if part.strip()):
        try:
            networks.append(ipaddress.ip_network(part))
        except ValueError:
            raise ValueError(f"{part!r} is no network such as 10.0.0.0/8, with no bits set beyond its length") from None
    return tuple(networks)


def caller_of(remote: str, forwarded_for: str, trusted: Sequence[Network]) -> str:
    """Give the address that a request came from.

    Args:
        remote: who connected to this process.
        forwarded_for: the header X-Forwarded-For, all of it; empty where there is none.
        trusted: networks of proxies whose word is taken.
    Returns: the nearest address that is no trusted proxy's; `unknown` where the connection has none.
    """
    nearest = _address(remote)
    if nearest is None:
        return "unknown"
    if forwarded_for and trusted:
        for entry in reversed(forwarded_for.rsplit(",", _MAX_HOPS)):
            if not _within(nearest, trusted):
                break
            before = _address(entry)
            if before is None:
                break  # a trusted proxy handed on what is no address: it is all that is known
            nearest = before
    return str(nearest)


def site_of(caller: str) -> str:
    """Give what is limited as one: an IPv4 address, or the /64 that an IPv6 address can change within."""
    address = _address(caller)
    if not isinstance(address, ipaddress.IPv6Address):
        return caller
    return str(ipaddress.IPv6Network((int(address) >> _IPV6_SITE_BITS << _IPV6_SITE_BITS, _IPV6_SITE_BITS)))


def _within(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)


def _address(text: str) -> Address | None:
    """Read an address as proxies write it: bare, in brackets, or with a port."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])  # a zone is of this machine, not of the caller
    except ValueError:
        return None
    # Both ways of writing an IPv4 address are one caller.
    return getattr(address, "ipv4_mapped", None) or address
