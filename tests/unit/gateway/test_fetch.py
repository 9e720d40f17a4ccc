"""Rules of fetching a stranger's URL, against hosts on this machine."""

import contextlib
import socket
import ssl
import threading
import time

import pytest

from gateway.fetch import Fetcher, FetchTimeout, FetchTooLarge, HostFailed
from gateway.pictures import NotAPicture
from gateway.room import Body, Room
from gateway.urls import BadUrl
from serving_api.deadline import Deadline
from tests.hostile.urls import host as hosts

PICTURE = b"\xff\xd8\xff\xe0 of a sort"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(PICTURE), PICTURE)


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


def test_the_checked_address_is_connected_to():
    """The name is resolved once, the connection goes to the answer, and Host is the URL's."""
    asked = []
    with host(OK) as (port, seen):
        answer = fetch(
            f"http://pictures.example:{port}/a?b=c", resolver=lambda *name: asked.append(name) or ["127.0.0.1"]
        )
    assert PICTURE == answer
    assert [("pictures.example", port)] == asked
    assert seen[0].startswith("GET /a?b=c HTTP/1.1\r\n")
    assert f"Host: pictures.example:{port}\r\n" in seen[0]


def test_proxies_of_the_environment_are_not_used(monkeypatch):
    """A proxy would resolve the name again, out of sight."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1/")
    with host(OK) as (port, _):
        assert PICTURE == fetch(f"http://pictures.example:{port}/")


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
        assert PICTURE == fetch(f"http://pictures.example:{port}/", resolver=lambda *_: ["127.0.0.2", "127.0.0.1"])


def test_both_families_are_tried():
    """A host whose many addresses of one family lead nowhere is reached by the other."""
    nowhere = [f"127.0.0.{last}" for last in range(2, 9)]
    server = hosts.Host("::1")
    try:
        answer = fetch(
            f"http://pictures.example:{server.port}/", max_bytes=100_000, resolver=lambda *_: [*nowhere, "::1"]
        )
    finally:
        server.close()
    assert hosts.PICTURE == answer


def test_redirects_are_checked_anew():
    """A redirect to a private address is refused; up to three others are followed."""
    with host(redirect("http://inner.example/")) as (port, _), pytest.raises(BadUrl):
        fetch(
            f"http://outer.example:{port}/",
            resolver=lambda name, _: ["127.0.0.1" if name == "outer.example" else "10.0.0.1"],
        )
    with host(redirect("/b"), redirect("c"), redirect("?d"), OK) as (port, seen):
        assert PICTURE == fetch(f"http://pictures.example:{port}/a")
    assert ["/a", "/b", "/c", "/c?d"] == [request.split()[1] for request in seen]
    with host(*[redirect("/")] * 5) as (port, seen), pytest.raises(HostFailed):
        fetch(f"http://pictures.example:{port}/")
    assert 4 == len(seen)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nbody",
        b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + PICTURE,
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + PICTURE,
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
        b"\r\n" + PICTURE * 100,
        b"Transfer-Encoding: chunked\r\n\r\n3e9\r\n" + (PICTURE * 100)[:1001] + b"\r\n0\r\n\r\n",
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


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\n\r\n" + PICTURE])
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


def unknown(*_):
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def unsaid(*_):
    raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


def test_a_name_that_does_not_resolve_is_answered_like_one_that_leads_inside():
    """Who asks cannot tell which names exist inside: denied and unknown have one answer, by URL or by redirect."""
    ways = [unknown, unsaid, lambda *_: [], lambda *_: ["10.0.0.1"], lambda *_: ["8.8.8.8", "fe80::1"]]
    direct, redirected = set(), set()
    for way in ways:
        with pytest.raises(BadUrl) as refusal:
            fetch("http://inner.example/", resolver=way)
        direct.add(str(refusal.value))
        with host(redirect("http://inner.example/")) as (port, _), pytest.raises(BadUrl) as refusal:
            fetch(
                f"http://outer.example:{port}/",
                resolver=lambda name, _, way=way: ["127.0.0.1"] if name == "outer.example" else way(name, 80),
            )
        redirected.add(str(refusal.value))
    with pytest.raises(BadUrl) as refusal:
        fetch("http://192.168.1.1/", resolver=lambda *_: pytest.fail("resolved"))
    assert direct == redirected == {str(refusal.value)}
    assert 1 == len(direct)


def test_nobody_listens():
    """A port where nobody listens is a failure of the host."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(HostFailed):
        fetch(f"http://pictures.example:{port}/")


def test_names_of_one_label_are_not_looked_up():
    """Only on a laptop is `localhost` a host: elsewhere a resolver would look into the cluster's own domain."""
    for name in ("localhost", "model-server", "kubernetes"):
        with pytest.raises(BadUrl):
            fetch(f"http://{name}/", allow_loopback=False, resolver=lambda *_: pytest.fail("resolved"))


def test_other_ports_are_of_this_machine_only():
    """Where loopback is allowed, so are its ports; those of other machines stay 80 and 443."""
    for port in (22, 6379, 8080, 65535):
        with pytest.raises(BadUrl, match="80 or 443"):
            fetch(f"http://pictures.example:{port}/", resolver=lambda *_: ["8.8.8.8"])
        with pytest.raises(BadUrl, match="80 or 443"):
            fetch(f"http://127.0.0.1:{port}/", allow_loopback=False)


def test_only_listed_hosts():
    """With a list of hosts no other is looked up, by URL or by redirect."""
    names = ["a.example", "*.cdn.example"]
    for name in ("other.example", "b.a.example", "cdn.example", "a.example.other", "127.0.0.1"):
        with pytest.raises(BadUrl, match="not one that"):
            fetch(f"http://{name}/", hosts=names, resolver=lambda *_: pytest.fail("resolved"))
    with host(redirect("http://b.c.cdn.example:1/"), OK) as (port, _), pytest.raises(HostFailed):
        fetch(f"http://a.example:{port}/", hosts=names)
    with host(redirect("http://other.example/"), OK) as (port, _), pytest.raises(BadUrl, match="not one that"):
        fetch(f"http://a.example:{port}/", hosts=names)


def test_the_request_says_who_asks():
    """The User-Agent has a name and whom to reach; the host is asked for a picture, not compressed."""
    with host(OK) as (port, seen):
        fetch(f"http://pictures.example:{port}/", contact="mailto:me@example.org")
    assert "User-Agent: image-classifiers-gateway (+mailto:me@example.org)\r\n" in seen[0]
    assert "Accept-Encoding: identity\r\n" in seen[0]


@pytest.mark.parametrize("body", [b"", b"\xff", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"RIFF\0\0\0\0WAVEfmt "])
def test_first_bytes_must_be_a_pictures(body):
    """What does not begin like a picture is not one, whatever the host calls it."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n"
    with host(head + body) as (port, _), pytest.raises(NotAPicture):
        fetch(f"http://pictures.example:{port}/")


def test_what_is_no_picture_is_not_read_to_its_end():
    """The first bytes decide: a host that goes on for ever is left at once."""
    with host(drip(b"HTTP/1.1 200 OK\r\n\r\n" + b"<html>" * 11)) as (port, _):
        began = time.monotonic()
        with pytest.raises(NotAPicture):
            fetch(f"http://pictures.example:{port}/")
        assert 2 > time.monotonic() - began


def test_large_pictures_share_their_room():
    """Bodies beyond their own share are refused while others hold what is shared; small ones are not."""
    room = Room(shared_bytes=100, own_bytes=10)
    with Body(room) as first, Body(room) as second:
        assert first.add(b"x" * 10)
        assert first.add(b"x" * 100)
        assert not second.add(b"x" * 11)
        assert second.add(b"x" * 10)
    assert not first.data, "an error's traceback would keep it"
    with Body(room) as third:
        assert third.add(b"x" * 110)


def test_places_are_few_and_waiting_ends_in_time():
    """Fetches beyond the places wait, and give up at their deadline."""
    with host(*[b""] * 2, linger_s=10.0) as (port, _):
        fetcher = Fetcher(1000, places=1, allow_loopback=True)
        url = f"http://127.0.0.1:{port}/"
        first = threading.Thread(target=_quietly, args=(fetcher, url, 0.5))
        first.start()
        began = time.monotonic()
        with pytest.raises(FetchTimeout):
            fetcher.fetch(url, Deadline.after(0.2))
        assert 0.4 > time.monotonic() - began
        first.join()


def _quietly(fetcher, url, timeout_s):
    with contextlib.suppress(FetchTimeout):
        fetcher.fetch(url, Deadline.after(timeout_s))


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
