"""Tell the public internet from everything else.

`ipaddress.is_global` alone is no guard: multicast, NAT64, 6to4 and the cloud's own 168.63.129.16 pass it. So IPv4 is
checked against the special-purpose registry (RFC 6890 and its IANA list) in full, and of IPv6 only global unicast
without an IPv4 address inside it is public.
"""

import ipaddress

NOT_PUBLIC_V4 = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's host, seen from every virtual machine
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",  # multicast, reserved, broadcast
    )
)
# NAT64, IPv4-mapped, unique local, link-local and multicast addresses are all outside global unicast.
GLOBAL_UNICAST_V6 = ipaddress.IPv6Network("2000::/3")
NOT_PUBLIC_V6 = tuple(
    ipaddress.IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",
        "2002::/16",  # 6to4
        "2620:4f:8000::/48",
        "3fff::/20",
    )
)
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)  # RFC 5214: the interface identifier's first half when an IPv4 address follows


def is_public(text: str) -> bool:
    """Tell whether an address, as a resolver writes it, is an ordinary one of the public internet."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not any(address in network for network in NOT_PUBLIC_V4)
    return (
        address in GLOBAL_UNICAST_V6
        and address.scope_id is None
        and (int(address) >> 32) & 0xFFFF_FFFF not in _ISATAP
        and not any(address in network for network in NOT_PUBLIC_V6)
    )


def is_loopback(text: str) -> bool:
    """Tell whether an address is this machine's own: 127.0.0.0/8 or ::1."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return address in ipaddress.IPv4Network("127.0.0.0/8") if address.version == 4 else str(address) == "::1"  # noqa: PLR2004
