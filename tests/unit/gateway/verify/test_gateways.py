"""A gateway pod is red for whatever is wrong with it, and for a stated reason."""

import socket
import threading
import time

import pytest

from gateway.app import create_app
from gateway.verify.addresses import lookup
from gateway.verify.checks import Red
from gateway.verify.gateways import Version, check_gateway
from serving_api import errors
from serving_api.deadline import Deadline
from tests.unit.gateway.fakes import FakePredictor
from tests.unit.gateway.verify.running import SETTINGS, but_at, gateway, served

ITS = Version("abc", "123", "gateway:1")


def check(address, expected=ITS, timeout_s=10.0):
    return check_gateway(address, expected, Deadline.after(timeout_s))


@pytest.mark.parametrize("expected", [ITS, Version("", "", "")])
def test_a_good_gateway_is_green(expected):
    """The gateway itself passes; what is not expected is told."""
    with gateway() as address:
        assert ITS == check(address, expected)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"commit": "def"}, "commit is def, not abc"),
        ({"revision": "456"}, "revision is 456, not 123"),
        ({"image": "x"}, "image is x, not gateway:1"),
    ],
)
def test_another_version_is_red(settings, said):
    """A gateway of another commit, revision or image is named with both."""
    with gateway(**settings) as address, pytest.raises(Red, match=said):
        check(address)


def test_one_that_is_not_ready_is_red():
    """A gateway without a model is red, in the words of its own problem."""
    predictor = FakePredictor()
    predictor.fails = errors.ModelUnavailable("refused")
    with gateway(predictor) as address, pytest.raises(Red, match="/readyz: status 503: No model answers"):
        check(address)


@pytest.mark.parametrize(
    ("path", "status", "body", "kind", "said"),
    [
        ("/", "404 Not Found", b"{}", "text/html", "/: status 404"),
        ("/", "200 OK", b"{}", "application/json", "the page is application/json, not text/html"),
        ("/", "200 OK", b"<!doctype html><title>hello</title>", "text/html", "the page names no script"),
        ("/static/app.js", "404 Not Found", b"", "text/html", "/static/app.js: status 404"),
        ("/static/style.css", "500 Oops", b"broken", "text/html", "/static/style.css: status 500: broken"),
        ("/version", "200 OK", b"hello", "text/html", "/version: the answer is no JSON: b'hello'"),
        ("/version", "200 OK", b'["a"]', "application/json", "tells no commit, revision and image"),
        (
            "/version",
            "200 OK",
            b'{"commit": 1, "image": "x"}',
            "application/json",
            "tells no commit, revision and image",
        ),
        ("/version", "200 OK", b'{"commit": "1", "image": "x"}', "application/json", "tells no commit, revision and"),
    ],
)
def test_a_page_or_version_that_is_not_there_is_red(path, status, body, kind, said):
    """A gateway whose page, a part of it, or version is missing or another thing is red, by the path."""
    application = but_at(create_app(SETTINGS, FakePredictor()), path, status, body, kind)
    with served(application) as address, pytest.raises(Red) as reason:
        check(address)
    assert said in str(reason.value)


def test_nothing_listens():
    """An address where nobody listens is red."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(Red, match=r"/version: .* cannot be reached: Connection refused"):
        check(f"127.0.0.1:{port}")


@pytest.mark.parametrize("said", [b"", b"hello\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"])
def test_what_is_no_gateway_is_red(said):
    """A socket that says nothing, no HTTP or half an answer is red by the deadline."""

    def answer():
        connection, _ = listening.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(said)
            if not said:
                time.sleep(2.0)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=answer, daemon=True).start()
        began_s = time.monotonic()
        with pytest.raises(Red, match="/version: "):
            check(f"127.0.0.1:{listening.getsockname()[1]}", timeout_s=0.5)
    assert time.monotonic() - began_s < 1.5


def test_a_name_gives_addresses():
    """A name gives address and port of each of its addresses once; those of IPv6 are in brackets."""
    assert ["127.0.0.1:9696"] == lookup("127.0.0.1:9696")
    assert ["[::1]:80"] == lookup("[::1]:80")


@pytest.mark.parametrize(
    ("target", "said"),
    [("no-such-host.invalid:80", "no-such-host.invalid has no address"), ("host", "NAME:PORT"), (":80", "NAME:PORT"),
     (f"{'x' * 70}.invalid:80", "has no address")],
)  # fmt: skip
def test_a_name_without_addresses_is_red(target, said, connections):
    """A name that DNS does not know, or that is none, is red."""
    connections.resolve("no-such-host.invalid")
    with pytest.raises(Red, match=said):
        lookup(target)


def test_the_parts_of_the_page_are_the_gateways_own():
    """What the check loads is what the page names: its script, style and icon."""
    asked = []
    application = create_app(SETTINGS, FakePredictor())

    def listening(environ, start_response):
        asked.append(environ["PATH_INFO"])
        return application(environ, start_response)

    with served(listening) as address:
        check(address)
    assert {"/", "/version", "/readyz", "/static/app.js", "/static/icon.svg", "/static/style.css"} == set(asked)
