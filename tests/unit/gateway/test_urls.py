"""Rules of a URL's text."""

import ipaddress
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.urls import BadUrl, parse_url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "photo.jpg",
        "ftp://example.org/",
        "file:///etc/passwd",
        "gopher://example.org/",
        "http://",
        "http:///path",
        "http://user@example.org/",
        "http://user:password@example.org/",
        "http://127.0.0.1\\@example.org/",
        "http://example.org\\@127.0.0.1/",
        "http://example.org /",
        "http://example.org/a b",
        "http://exa\tmple.org/",
        "http://example.org/\r\nHost: other",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.0.0.1/",
        "http://0177.0.0.1/",
        "http://[::1",
        "http://[fe80::1%25eth0]/",
        "http://exam ple.org/",
        "http://-example.org/",
        "http://example..org/",
        "http://example.org:99999/",
        "http://example.org:22/",
        "http://example.org:x/",
        "http://example.org/" + "a" * 5000,
    ],
)
def test_urls_that_are_refused(url):
    """What parsers may disagree about is refused, and so is what is not http(s)."""
    with pytest.raises(BadUrl):
        parse_url(url)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://a.example/", "http:// or https://"),
        ("http://me@a.example/", "user name"),
        ("http://a.example:22/", "80 or 443"),
        ("http://b\u00fccher.example/", "ASCII"),
        ("http://127.1/", "address"),
        ("http://a.example/a b", "space"),
    ],
)
def test_refusals_say_why(url, said):
    """Who wrote a URL by mistake reads what is wrong with it."""
    with pytest.raises(BadUrl, match=said):
        parse_url(url)


def test_urls_are_taken_apart():
    """Names stay as they are but for their case, and paths of any characters become what goes over the wire."""
    url = parse_url(" HTTPS://Xn--Bcher-kva.Example.:443/käse/%41?q=ü&a=[1]#part")
    expected = (True, "xn--bcher-kva.example", 443, "/k%C3%A4se/%41?q=%C3%BC&a=[1]")
    assert expected == (url.is_tls, url.host, url.port, url.target)
    assert "xn--bcher-kva.example" == url.authority
    address = parse_url("http://[2606:4700::0001]:443")
    assert ("2606:4700::1", 443, "/", "[2606:4700::1]:443") == (
        address.host, address.port, address.target, address.authority,
    )  # fmt: skip
    assert address.is_address
    assert parse_url("http://8.8.8.8/").is_address
    assert not url.is_address


@pytest.mark.parametrize(
    ("reference", "target"),
    [
        ("/b", "http://a.example/b"),
        ("b?c#d", "http://a.example/x/b?c"),
        ("../../b", "http://a.example/b"),
        ("?c", "http://a.example/x/y?c"),
        ("//b.example", "http://b.example/"),
        ("https://b.example/ü", "https://b.example/%C3%BC"),
    ],
)
def test_redirects_are_joined(reference, target):
    """A redirect's address is relative to the URL before."""
    assert parse_url(target) == parse_url("http://a.example/x/y?z").join(reference)


@pytest.mark.parametrize(
    "reference",
    [
        "//[::1",
        "//b@c/",
        "/b c",
        "\\\\b",
        "javascript:alert(1)",
        "http://a:22/",
        "data:,x",
        "//b%2f/",
        "http:b",
        "http:///b",
        "///b",
    ],
)
def test_redirects_go_through_the_same_door(reference):
    """What is refused as a URL is refused as a redirect."""
    with pytest.raises(BadUrl):
        parse_url("http://a.example/x").join(reference)


def test_other_ports_are_read_where_asked_for():
    """Only who asks for it gets a port beside 80 and 443."""
    assert 8443 == parse_url("https://a.example:8443/", any_port=True).port
    for port in ("65536", "0", "080", "-1", "\u0661"):
        with pytest.raises(BadUrl):
            parse_url(f"https://a.example:{port}/", any_port=True)


# Hypothesis: whatever it thinks of, a URL is refused or has these properties.
_HOSTS = st.one_of(
    st.text(alphabet=st.sampled_from("aA1.-_:[]@%\\/xX0\u0660。\u00ad ")),
    st.ip_addresses().map(str),
    st.integers(0, 2**32 - 1).map(str),
    st.integers(0, 2**32 - 1).map(hex),
    st.text(),
)
_URLS = st.one_of(
    st.text(),
    st.builds(
        "{}://{}{}{}".format, st.sampled_from(["http", "https", "HTTP", "http\u017f"]), _HOSTS, st.just(""), st.text()
    ),
    st.builds("http://{}@{}:{}/{}".format, st.text(), _HOSTS, st.integers(), st.text()),
    st.builds("https://[{}]/?{}".format, st.ip_addresses(v=6), st.text()),
)


@settings(max_examples=500, deadline=None)
@given(_URLS)
def test_what_is_accepted_cannot_be_misread(text):
    """A URL is refused as BadUrl or has an ASCII host of one reading, port 80 or 443, and a target of one line."""
    try:
        url = parse_url(text)
    except BadUrl:
        return
    assert url.port in (80, 443)
    assert re.fullmatch(r"[a-z0-9._:-]+", url.host, re.ASCII)
    assert re.fullmatch(r"/[!-~]*", url.target, re.ASCII)
    if not re.fullmatch(r".*[a-z_-].*", url.host.rpartition(".")[2]) or ":" in url.host:
        assert str(ipaddress.ip_address(url.host)) == url.host
    again = parse_url(f"http{'s' * url.is_tls}://{url.authority}{url.target}")
    assert url == again


@settings(max_examples=300, deadline=None)
@given(st.one_of(_URLS, st.text(), st.text(alphabet=st.sampled_from("/\\.:?#@[]%a1 \t"))))
def test_a_redirect_stays_or_is_accepted_itself(reference):
    """Wherever a redirect leads, it is on the same host, or what it names would be accepted as a URL."""
    base = parse_url("https://pictures.example/x/y")
    try:
        joined = base.join(reference)
    except BadUrl:
        return
    if joined.authority != base.authority:
        absolute = reference if not reference.startswith("//") else f"https:{reference}"
        assert parse_url(absolute) == joined
