import socket
import threading
import urllib.request

import flask
import pytest

from model_server.rest_server import RestServer


def fetch(server):
    with urllib.request.urlopen(f"http://localhost:{server.port}/", timeout=10) as response:
        return response.read()


@pytest.fixture
def held():
    """Serve an app whose one page waits for `go`."""
    app, entered, go = flask.Flask("held"), threading.Event(), threading.Event()

    @app.get("/")
    def page():
        entered.set()
        go.wait(10)
        return "x" * 5_000_000

    server = RestServer(app, 0, 2)
    server.start()
    yield server, entered, go
    go.set()
    server.stop()


def test_stop_sends_the_answers_that_were_begun(held):
    """A stop waits for the call under way, to its last byte, and refuses new ones."""
    server, entered, go = held
    answers = []
    asking = threading.Thread(target=lambda: answers.append(fetch(server)))
    asking.start()
    assert entered.wait(10)
    stopping = threading.Thread(target=server.stop)
    stopping.start()
    go.set()
    asking.join(10)
    stopping.join(10)
    assert [5_000_000] == [len(answer) for answer in answers]
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("localhost", server.port), timeout=1)


def test_stop_gives_up_after_the_grace_period(held):
    """A call that does not end is cut off after the grace period."""
    server, entered, _ = held
    failures = []

    def ask():
        try:
            fetch(server)
        except OSError as error:
            failures.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    assert entered.wait(10)
    server.stop(grace_s=0.1)
    asking.join(10)
    assert 1 == len(failures)


def test_idle_connection_does_not_hold_the_stop():
    """A connection that is kept open without a call is closed."""
    server = RestServer(flask.Flask("idle"), 0, 1)
    server.start()
    with socket.create_connection(("localhost", server.port)) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(10_000).startswith(b"HTTP/1.1 404")
        server.stop(grace_s=60)
        connection.settimeout(10)
        while connection.recv(10_000):
            pass


def test_taken_port():
    """A port that somebody else listens on is an OSError at once."""
    first = RestServer(flask.Flask("first"), 0, 1)
    with pytest.raises(OSError, match="in use"):
        RestServer(flask.Flask("second"), first.port, 1)
    first.stop()
