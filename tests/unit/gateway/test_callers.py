"""Rules of who a request came from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.callers import caller_of, read_networks, site_of

TRUSTED = read_networks("10.0.0.0/8, fd00::/8")


@pytest.mark.parametrize(
    ("remote", "forwarded_for", "expected"),
    [
        ("203.0.113.7", "", "203.0.113.7"),
        ("203.0.113.7", "198.51.100.1", "203.0.113.7"),  # a stranger's word
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "1.1.1.1, 198.51.100.1", "198.51.100.1"),  # what the caller itself wrote
        ("10.0.0.1", "1.1.1.1, 198.51.100.1, 10.0.0.2,10.9.9.9", "198.51.100.1"),
        ("10.0.0.1", "10.0.0.3", "10.0.0.3"),
        ("10.0.0.1", "198.51.100.1:4711", "198.51.100.1"),
        ("10.0.0.1", "[2001:db8::1]:4711", "2001:db8::1"),
        ("10.0.0.1", "2001:db8::1", "2001:db8::1"),
        ("fd00::1", "::ffff:198.51.100.1", "198.51.100.1"),
        ("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("fe80::1%eth0", "", "fe80::1"),
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1, _hidden", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1,", "10.0.0.1"),
        ("", "198.51.100.1", "unknown"),  # a UNIX socket
    ],
)
def test_caller(remote, forwarded_for, expected):
    """The nearest address that no trusted proxy has; nobody else is believed."""
    assert expected == caller_of(remote, forwarded_for, TRUSTED)


def test_without_trust_the_header_means_nothing():
    """By default the caller is who connected."""
    assert "10.0.0.1" == caller_of("10.0.0.1", "198.51.100.1", ())


def test_a_chain_without_end_is_left():
    """A header of thousands of trusted entries is read to a limit, from its end."""
    assert "10.0.0.9" == caller_of("10.0.0.1", "1.1.1.1," + ",".join(["10.0.0.9"] * 5000), TRUSTED)


def test_site():
    """An IPv4 address is one caller; an IPv6 address is one with all that its customer may use."""
    assert "198.51.100.1" == site_of("198.51.100.1")
    assert "2001:db8::/64" == site_of("2001:db8::1") == site_of("2001:db8::ffff:1:2:3")
    assert "2001:db8::/64" != site_of("2001:db8:0:1::1")
    assert "unknown" == site_of("unknown")


@given(st.text(), st.text(alphabet=st.characters(codec="latin-1")))
def test_any_text(remote, forwarded_for):
    """Whatever a header holds, the answer is an address or `unknown`, and it ends."""
    for networks in ((), TRUSTED, read_networks("0.0.0.0/0,::/0")):
        found = caller_of(remote, forwarded_for, networks)
        assert "unknown" == found or site_of(found)


@pytest.mark.parametrize("text", ["10.0.0.1/8", "10.0.0.0/33", "here", "10.0.0.0/8;::/0"])
def test_bad_networks(text):
    """A network that is none, or has bits beyond its length, is refused."""
    with pytest.raises(ValueError, match="no network"):
        read_networks(text)
