"""Rules of what is public."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.addresses import is_loopback, is_public

# IANA's special-purpose registries for IPv4 and IPv6, those of multicast, and what came before them.
SPECIAL = [
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
    "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
    "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "255.255.255.255/32",
    "::1/128", "::/128", "::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64",
    "2001::/23", "2001::/32", "2001:1::1/128", "2001:2::/48", "2001:3::/32", "2001:4:112::/48", "2001:10::/28",
    "2001:20::/28", "2001:30::/28", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20", "5f00::/16",
    "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
]  # fmt: skip


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "168.63.129.16",
        "169.254.169.254",
        "172.31.0.1",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:8.8.8.8",
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::1",
        "2606:4700::5efe:7f00:1",
        "2606:4700::200:5efe:a00:1",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "not an address",
    ],
)
def test_addresses_that_are_not_public(address):
    """No address of a private, special or tunnelling range is public."""
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "151.101.1.1", "2606:4700:4700::1111", "2a00:1450::1"])
def test_addresses_that_are_public(address):
    """Ordinary addresses of the internet are public, and not loopback."""
    assert is_public(address)
    assert not is_loopback(address)


@pytest.mark.parametrize("network", SPECIAL)
def test_no_special_network_is_public(network):
    """The first and the last address of each network of the registries are not public."""
    special = ipaddress.ip_network(network)
    assert not is_public(str(special[0]))
    assert not is_public(str(special[-1]))


@given(st.ip_addresses(v=4))
def test_what_carries_an_address_is_not_public(address):
    """However an IPv4 address is put into an IPv6 one, nothing follows it out."""
    value = int(address)
    carriers = [
        0xFFFF << 32 | value,  # mapped
        value,  # compatible
        0xFFFF << 48 | value,  # translated
        0x64_FF9B << 96 | value,  # NAT64
        0x64_FF9B_0001 << 80 | value,  # NAT64 of a network's own
        0x2002 << 112 | value << 80 | 1,  # 6to4
        0x2001 << 112 | value << 64 | value ^ 0xFFFF_FFFF,  # Teredo: server and, inverted, client
        0x2606_4700 << 96 | 0x5EFE << 32 | value,  # ISATAP
        0x2606_4700 << 96 | 0x0200_5EFE << 32 | value,
    ]
    assert [] == [text for text in map(str, map(ipaddress.IPv6Address, carriers)) if is_public(text)]


@given(st.ip_addresses())
def test_what_is_public_is_global(address):
    """Nothing that Python knows as special is public; Python knows fewer networks."""
    if is_public(str(address)):
        assert address.is_global
        assert not address.is_multicast
