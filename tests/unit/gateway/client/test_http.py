"""HTTP as a client should speak it: errors by status, a deadline for all, kept connections, no redirect."""

import socket
import threading
import time
from email.utils import formatdate

import pytest

from gateway.client import ClientError, Mismatch, OutOfTime, Patience, PictureRefused, Refused, Unavailable, UsageError
from gateway.client import connect as connect_client
from gateway.client.http import Http
from serving_api.deadline import Deadline
from tests.unit.gateway.client.scripted import scripted

GOOD = {"model": {"name": "m", "version": 3}, "predictions": [{"probabilities": {"a": 0.25, "b": 0.75}}]}
OK = (200, {}, GOOD)
SOON = Patience(timeout_s=5, first_wait_s=0.01)


def problem(status, kind="x", detail="no", **headers):
    return status, headers, {"type": f"urn:image-classifiers:problem:{kind}", "detail": detail, "status": status}


def classify(*answers, patience=SOON, key=""):
    with scripted(*answers) as script, connect_client(script.address, key=key, patience=patience) as client:
        try:
            return client.classify(b"picture", "m"), script
        except ClientError as error:
            return error, script


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (problem(400), Refused),
        (problem(400, "bad-url"), PictureRefused),
        (problem(401), Refused),
        (problem(404), Refused),
        (problem(408), Refused),
        (problem(413), PictureRefused),
        (problem(415), PictureRefused),
        (problem(422), PictureRefused),
        (problem(500), Mismatch),
        (problem(502), Mismatch),
        (problem(504), OutOfTime),
        ((302, {"Location": "http://127.0.0.1:1/"}, b""), Mismatch),
        ((200, {}, b"no JSON"), Mismatch),
        ((200, {}, b"[" * 100_000), Mismatch),
        ((200, {}, {"predictions": []}), Mismatch),
        ((200, {}, {**GOOD, "predictions": [{"error": problem(422)[2]}]}), PictureRefused),
        ((200, {}, {**GOOD, "predictions": [{"probabilities": {}}]}), Mismatch),
    ],
    ids=str,
)
def test_what_is_final_is_asked_once(answer, kind):
    """Each status has its error, with a message of one line, and is not asked again."""
    error, script = classify(answer)
    assert kind is type(error)
    assert 1 == len(script.seen)
    assert "\n" not in str(error)


@pytest.mark.parametrize("answer", [problem(429, **{"Retry-After": "0"}), problem(503), None], ids=str)
def test_what_may_pass_is_asked_again(answer):
    """429, 503 and a connection that breaks are followed by another try."""
    found, script = classify(answer, answer, OK)
    assert ("b", 0.75, 3, 3) == (found.label, found.probability, found.version, len(script.seen))


def test_retry_after_is_honoured():
    """The next try comes no sooner than the server said, in seconds or as a date."""
    began_s = time.monotonic()
    classify(problem(503, **{"Retry-After": "1"}), OK)
    assert time.monotonic() - began_s >= 1.0
    error, _ = classify(problem(429, **{"Retry-After": formatdate(time.time() + 100)}))
    assert 90 < error.retry_after_s <= 100
    error, _ = classify(problem(429, **{"Retry-After": "soon"}), patience=Patience(tries=1))
    assert 0.0 == error.retry_after_s


def test_the_servers_own_sentence_is_told():
    """RFC 9457's detail, TensorFlow Serving's error, or what there is; control characters fall away."""
    assert "/v1/models/m:predict: no such" in str(classify(problem(404, detail="no such"))[0])
    assert "Servable not found" in str(classify((404, {}, {"error": "Servable not found"}))[0])
    assert "red [31m text" in str(classify((404, {}, b"red\x1b[31m\n text"))[0])


def test_the_key_is_sent_and_never_told():
    """The key is a bearer's; no error holds it."""
    error, script = classify(problem(401), key="ic_secret")
    assert "Bearer ic_secret" == script.seen[0][2]["Authorization"]
    assert "secret" not in str(error)
    assert "--key-file" in str(error)


def test_connections_are_kept():
    """Several calls share a connection; one on which the server has hung up meanwhile is replaced without a wait."""
    with scripted(OK) as script, connect_client(script.address, patience=Patience(tries=1)) as client:
        for _ in range(3):
            client.classify(b"picture", "m")
        assert 1 == script.connections
    with scripted(OK, OK, None, OK) as script, connect_client(script.address, patience=Patience(tries=1)) as client:
        for _ in range(3):
            client.classify(b"picture", "m")
        assert (2, 4) == (script.connections, len(script.seen))


def test_half_an_answer_is_none():
    """A body that ends early is asked for again."""
    found, _ = classify((200, {"Content-Length": "1000"}, GOOD), OK)
    assert 3 == found.version


def test_nobody_there_is_unavailable():
    """A port that nobody listens on is named in one line."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(Unavailable, match=f"http://127.0.0.1:{port} cannot be reached: Connection refused"):
        Http(f"127.0.0.1:{port}").get("/", Deadline.after(5))


@pytest.mark.parametrize("drip", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"], ids=["silent", "dripping"])
def test_the_deadline_holds(drip):
    """A server that is silent, or sends a byte now and then, cannot outlast the deadline."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            connection, _ = server.accept()
            with connection:
                connection.sendall(drip)
                for _ in range(30):
                    time.sleep(0.1)
                    try:
                        connection.sendall(b" " if drip else b"")
                    except OSError:
                        return

        threading.Thread(target=serve, daemon=True).start()
        began_s = time.monotonic()
        with pytest.raises(OutOfTime):
            Http(f"127.0.0.1:{server.getsockname()[1]}").get("/", Deadline.after(0.5))
        assert time.monotonic() - began_s < 2.5


@pytest.mark.parametrize(
    "address", ["", "ftp://host", "http://", "http://user:word@host", "http://host:port", "http://[::1", "http://h?q=1"]
)
def test_odd_addresses_are_refused(address):
    """What is no http(s) address, or holds a password, is said at once."""
    with pytest.raises(UsageError):
        Http(address)


def test_a_path_goes_before_all_others():
    """A gateway below a path of an ingress is asked there."""
    with scripted((200, {}, {"state": "ok"})) as script:
        Http(f"{script.address}/images/").get("/v1/models", Deadline.after(5))
        assert "/images/v1/models" == script.seen[0][1]
