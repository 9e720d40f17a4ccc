"""Rules of fetching a stranger's URL, against hosts on this machine."""

import contextlib
import socket
import ssl
import threading
import time

import pytest

from gateway.addresses import is_loopback, is_public
from gateway.fetch import Fetcher, FetchTimeout, FetchTooLarge, HostFailed
from gateway.urls import BadUrl, parse_url
from serving_api.deadline import Deadline

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"


@contextlib.contextmanager
def host(*answers, linger_s=0.0):
    """Answer each connection with the next bytes, as they are; yield (port, requests seen)."""
    seen = []

    def serve():
        for answer in answers:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(10)
                with contextlib.suppress(OSError):
                    seen.append(connection.recv(65536).decode(errors="replace"))
                    for part in [answer] if isinstance(answer, bytes) else answer:
                        connection.sendall(part)
                    if linger_s:
                        stop.wait(linger_s)

    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1], seen
        stop.set()
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def fetch(url, *, timeout_s=10.0, max_bytes=1000, **options):
    options = {"allow_loopback": True, "resolver": lambda *_: ["127.0.0.1"]} | options
    return Fetcher(max_bytes, **options).fetch(url, Deadline.after(timeout_s))


def redirect(to):
    return f"HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode()


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
        fetch(url, resolver=lambda *_: pytest.fail("resolved"))


def test_urls_are_taken_apart():
    """Names of any script and paths of any characters become what goes over the wire."""
    url = parse_url("HTTPS://Bücher.example:8443/käse/%41 ".strip() + "?q=ü&a=[1]#part")
    expected = (True, "xn--bcher-kva.example", 8443, "/k%C3%A4se/%41?q=%C3%BC&a=[1]")
    assert expected == (url.is_tls, url.host, url.port, url.target)
    address = parse_url("http://[2606:4700::1]")
    assert ("2606:4700::1", 80, "/") == (address.host, address.port, address.target)


def test_the_checked_address_is_connected_to():
    """The name is resolved once, the connection goes to the answer, and Host is the URL's."""
    asked = []
    with host(OK) as (port, seen):
        answer = fetch(
            f"http://pictures.example:{port}/a?b=c", resolver=lambda *name: asked.append(name) or ["127.0.0.1"]
        )
    assert b"body" == answer
    assert [("pictures.example", port)] == asked
    assert seen[0].startswith("GET /a?b=c HTTP/1.1\r\n")
    assert f"Host: pictures.example:{port}\r\n" in seen[0]


def test_proxies_of_the_environment_are_not_used(monkeypatch):
    """A proxy would resolve the name again, out of sight."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1/")
    with host(OK) as (port, _):
        assert b"body" == fetch(f"http://pictures.example:{port}/")


def test_loopback_is_for_development_only():
    """Without the development switch nothing on this machine is fetched, by name or by address."""
    with host(OK) as (port, seen):
        for url in (f"http://127.0.0.1:{port}/", f"http://localhost:{port}/", f"http://pictures.example:{port}/"):
            with pytest.raises(BadUrl):
                fetch(url, allow_loopback=False)
    assert [] == seen


def test_the_switch_opens_loopback_only():
    """The development switch does not open the private network."""
    with pytest.raises(BadUrl):
        fetch("http://pictures.example/", resolver=lambda *_: ["192.168.1.1"])


def test_one_private_address_spoils_all():
    """A name with a public and a private address is refused whole."""
    with pytest.raises(BadUrl):
        fetch("http://pictures.example/", resolver=lambda *_: ["8.8.8.8", "10.0.0.1"])


def test_next_address_is_tried():
    """When the first of several addresses does not answer, the next one is asked."""
    with host(OK) as (port, _):
        assert b"body" == fetch(f"http://pictures.example:{port}/", resolver=lambda *_: ["127.0.0.2", "127.0.0.1"])


def test_redirects_are_checked_anew():
    """A redirect to a private address is refused; up to three others are followed."""
    with host(redirect("http://inner.example/")) as (port, _), pytest.raises(BadUrl):
        fetch(
            f"http://outer.example:{port}/",
            resolver=lambda name, _: ["127.0.0.1" if name == "outer.example" else "10.0.0.1"],
        )
    with host(redirect("/b"), redirect("c"), redirect("?d"), OK) as (port, seen):
        assert b"body" == fetch(f"http://pictures.example:{port}/a")
    assert ["/a", "/b", "/c", "/c?d"] == [request.split()[1] for request in seen]
    with host(*[redirect("/")] * 5) as (port, seen), pytest.raises(HostFailed):
        fetch(f"http://pictures.example:{port}/")
    assert 4 == len(seen)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nbody",
        b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbody",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nbody",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000,
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"",
    ],
)
def test_hosts_that_fail(answer):
    """A host that refuses, breaks off or speaks something else has failed."""
    with host(answer) as (port, _), pytest.raises(HostFailed):
        fetch(f"http://pictures.example:{port}/")


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 1001\r\n\r\n",
        b"\r\n" + b"x" * 1001,
        b"Transfer-Encoding: chunked\r\n\r\n3e9\r\n" + b"x" * 1001 + b"\r\n0\r\n\r\n",
    ],
)
def test_too_large(head):
    """A body over the limit is refused, whatever the host says of its length."""
    with host(b"HTTP/1.1 200 OK\r\n" + head) as (port, _), pytest.raises(FetchTooLarge):
        fetch(f"http://pictures.example:{port}/")


def drip(first):
    yield first
    for _ in range(200):
        time.sleep(0.05)
        yield b"x"


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_the_deadline_holds_for_a_dripping_host(first):
    """A host that sends a byte now and then cannot hold a fetch beyond its time."""
    with host(drip(first)) as (port, _), pytest.raises(FetchTimeout):
        fetch(f"http://pictures.example:{port}/", timeout_s=0.3)


def test_silence_is_out_of_time():
    """A host that says nothing, and a name that takes too long to resolve, are out of time."""
    with host(b"", linger_s=10.0) as (port, _), pytest.raises(FetchTimeout):
        fetch(f"http://pictures.example:{port}/", timeout_s=0.2)
    with pytest.raises(FetchTimeout):
        fetch("http://pictures.example/", timeout_s=0.1, resolver=lambda *_: time.sleep(1) or ["127.0.0.1"])


def test_names_that_do_not_resolve():
    """A name nobody knows, and a port where nobody listens, are failures of the host."""

    def unknown(*_):
        raise socket.gaierror(-2, "Name or service not known")

    with pytest.raises(HostFailed):
        fetch("http://pictures.example/", resolver=unknown)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(HostFailed):
        fetch(f"http://pictures.example:{port}/")


def test_tls_is_for_the_name_in_the_url():
    """With https the name in the URL is asked for (SNI) and checked, not the address; no TLS is a failure."""
    asked = []

    class Recording(ssl.SSLContext):
        def wrap_socket(self, *arguments, **options):
            asked.append(options["server_hostname"])
            return super().wrap_socket(*arguments, **options)

    tls = Recording(ssl.PROTOCOL_TLS_CLIENT)
    assert tls.check_hostname
    with host(b"HTTP/1.1 400 Bad Request\r\n\r\n") as (port, _), pytest.raises(HostFailed):
        fetch(f"https://pictures.example.:{port}/", tls=tls)
    assert ["pictures.example"] == asked
