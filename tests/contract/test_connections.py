"""What a connection may cost: limits of time, size and number, by sockets against the real gateway."""

import contextlib
import json
import re
import signal
import socket
import time

import pytest

from tests.contract.gateway_process import GatewayProcess
from tests.contract.server_process import free_port, wait_until

HEAD = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
READ_TIMEOUT_S = 0.5
IN_TIME_S = 3.0  # for what is due after READ_TIMEOUT_S, on a busy machine


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """A gateway with short patience, and no model server."""
    process = GatewayProcess(
        tmp_path_factory.mktemp("gateway") / "log",
        GATEWAY_MODEL_SERVER=f"localhost:{free_port()}",
        GATEWAY_READ_TIMEOUT_S=str(READ_TIMEOUT_S),
        GATEWAY_BODY_TIMEOUT_S="2",
        GATEWAY_MAX_BODY_BYTES="1000000",
        GATEWAY_MAX_BUFFERED_BYTES="1048576",
        GATEWAY_MAX_CONNECTIONS="32",
    )
    yield process
    assert 0 == process.stop()


@pytest.fixture
def connect(gateway):
    """Open connections; all are closed in the end."""
    with contextlib.ExitStack() as connections:

        def open_one():
            return connections.enter_context(socket.create_connection(("127.0.0.1", gateway.port), timeout=10))

        yield open_one


def read_all(connection):
    """Read until the gateway closes."""
    data = bytearray()
    with contextlib.suppress(ConnectionError):
        while chunk := connection.recv(65536):
            data += chunk
    return bytes(data)


def read_one(connection):
    """Read one answer, and no further: its head in lower case, and its body."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.lower().partition(b"\r\n\r\n")
    length = int(re.search(rb"content-length: (\d+)", head)[1])
    while len(body) < length:
        body += connection.recv(65536)
    return head, body


def problem_in(answer, status, name):
    """Assert an answer to be a whole HTTP answer with this problem, the connection's last."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode()), answer
    assert b"connection: close" in head.lower()
    problem = json.loads(body)
    assert (status, f"urn:image-classifiers:problem:{name}") == (problem["status"], problem["type"])
    assert problem["request_id"].encode() in head
    return problem


def metric(gateway, name):
    """Read a metric."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
        connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        found = re.search(rf"^{re.escape(name)} (\S+)$", read_all(connection).decode(), re.MULTILINE)
    return float(found[1]) if found else 0.0


@pytest.mark.parametrize("sent", [b"", b"G", HEAD, HEAD + b"X-Slow: "], ids=["nothing", "byte", "head", "header"])
def test_a_head_has_its_time(connect, sent):
    """A request whose head is not there in time is refused, however much of it is."""
    connection, began_s = connect(), time.monotonic()
    connection.sendall(sent)
    answer = read_all(connection)
    assert READ_TIMEOUT_S * 0.8 < time.monotonic() - began_s < IN_TIME_S
    problem_in(answer, 408, "slow-request")


def test_dripping_a_head_does_not_help(connect):
    """The head's time runs from its first byte, whatever comes after."""
    connection, began_s = connect(), time.monotonic()
    connection.sendall(HEAD)
    with contextlib.suppress(ConnectionError):
        while time.monotonic() - began_s < IN_TIME_S:
            connection.sendall(b"x")
            time.sleep(0.1)
    assert b" 408 " in read_all(connection)[:20]


def test_a_body_has_its_time(connect):
    """A body that stands still is refused, with 408."""
    connection, began_s = connect(), time.monotonic()
    connection.sendall(HEAD + b"Content-Length: 100000\r\n\r\n" + b"x" * 50_000)
    problem_in(read_all(connection), 408, "slow-request")
    assert time.monotonic() - began_s < IN_TIME_S


def test_a_steady_body_is_waited_for(connect):
    """A body may take longer than the time of its parts, as long as each of them is in time."""
    connection = connect()
    connection.sendall(HEAD + b"Content-Length: 120000\r\n\r\n")
    for _ in range(6):
        connection.sendall(b"x" * 20_000)
        time.sleep(READ_TIMEOUT_S * 0.3)
    assert b" 503 " in connection.recv(100)  # for want of a model server


def test_a_body_has_an_end(connect):
    """A body that is steady and slow is refused when its whole time is up."""
    connection, began_s = connect(), time.monotonic()
    connection.sendall(HEAD + b"Content-Length: 900000\r\n\r\n")
    connection.settimeout(0.2)
    answer = b""
    while not answer and time.monotonic() - began_s < 10:
        with contextlib.suppress(TimeoutError, ConnectionError):
            connection.sendall(b"x" * 21_000)
            answer = connection.recv(100)
    assert b" 408 " in answer
    assert 1.5 < time.monotonic() - began_s < 2 + IN_TIME_S


@pytest.mark.parametrize(
    ("sent", "status", "name"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\nX-Large: " + b"x" * 20_000 + b"\r\n\r\n", 431, "headers-too-large"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X-Many: x\r\n" * 2_000, 431, "headers-too-large"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nbad header\r\n\r\n", 400, "bad-request"),
        (b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n", 400, "bad-request"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, "bad-request"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "bad-request"),
        (HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400, "bad-request"),
        (HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "bad-request"),
        (HEAD + b"Content-Length: 1000001\r\n\r\n" + b"x" * 500_000, 413, "too-large"),
        (HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400, "bad-request"),
    ],
)
def test_what_is_not_to_be_read(connect, sent, status, name):
    """Heads that are too large, no HTTP or in doubt are refused by a problem."""
    connection = connect()
    with contextlib.suppress(ConnectionError):
        connection.sendall(sent)
    problem_in(read_all(connection), status, name)


def test_a_chunked_body_is_limited(connect):
    """A body without a length is refused as soon as it is too large."""
    connection = connect()
    connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    with contextlib.suppress(ConnectionError):
        for _ in range(30):
            connection.sendall(b"ff00\r\n" + b"x" * 0xFF00 + b"\r\n")
        connection.sendall(b"0\r\n\r\n")
    problem_in(read_all(connection), 413, "too-large")


def test_a_client_that_asks_first_is_told_before_it_sends(connect):
    """`Expect: 100-continue` hears its refusal without sending the body, and is asked for it where that is welcome."""
    refused, welcome = connect(), connect()
    refused.sendall(HEAD + b"Content-Length: 99999999\r\nExpect: 100-continue\r\n\r\n")
    problem_in(read_all(refused), 413, "too-large")
    welcome.sendall(HEAD + b"Content-Length: 4\r\nExpect: 100-continue\r\n\r\n")
    assert b"HTTP/1.1 100 " == welcome.recv(100)[:13]
    welcome.sendall(b"abcd")
    assert b"HTTP/1.1 503 " == welcome.recv(100)[:13]


def test_all_bodies_together_are_limited(connect):
    """Bodies that do not fit beside the others are refused until these are gone."""
    first, second = connect(), connect()
    first.sendall(HEAD + b"Content-Length: 900000\r\n\r\n" + b"x" * 800_000)
    time.sleep(0.2)
    second.sendall(HEAD + b"Content-Length: 900000\r\n\r\n" + b"x" * 900_000)
    problem_in(read_all(second), 429, "over-capacity")
    assert b" 408 " in read_all(first)[:20]
    third = connect()
    third.sendall(HEAD + b"Content-Length: 900000\r\n\r\n" + b"x" * 900_000)
    assert b" 503 " in third.recv(100)


def test_what_follows_a_request_is_never_read_as_one(connect):
    """Bytes behind a request that is not answered yet end the connection: one answer comes."""
    smuggled = b"GET /version HTTP/1.1\r\nHost: y\r\n\r\n"
    connection = connect()
    connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" + smuggled)
    answer = read_all(connection)
    assert (1, True) == (answer.count(b"HTTP/1.1 "), b"connection: close" in answer.lower())


def test_a_connection_is_used_again(connect):
    """Requests one after the other share a connection."""
    connection = connect()
    for _ in range(3):
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        head, body = read_one(connection)
        assert (True, False, b'{"status":"ok"}') == (b" 200 " in head, b"connection: close" in head, body.strip())


def test_a_header_in_disguise_is_not_believed(connect):
    """X_Request_ID is not X-Request-ID: a proxy that strips or sets the one does not see the other."""
    connection = connect()
    connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX_Request_ID: forged\r\nConnection: close\r\n\r\n")
    assert b"forged" not in read_all(connection)


def test_a_client_that_does_not_read_is_cut_off(gateway, connect):
    """A client that asks again and again and never reads is cut off once its answers no longer fit."""
    name = 'gateway_connections_dropped_total{reason="slow-reader"}'
    before = metric(gateway, name)
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        deaf.connect(("127.0.0.1", gateway.port))
        with contextlib.suppress(OSError):
            deaf.settimeout(IN_TIME_S)
            for _ in range(40):
                deaf.sendall(b"GET /static/style.css HTTP/1.1\r\nHost: x\r\n\r\n")
                time.sleep(0.1)
        wait_until(lambda: metric(gateway, name) > before, 10, lambda: "still connected")


def test_the_one_that_waits_longest_gives_way(gateway, connect):
    """Beyond the number of connections, the oldest without a request is closed, and a new one is served."""
    name = 'gateway_connections_dropped_total{reason="full"}'
    before = metric(gateway, name)
    idle = [connect() for _ in range(40)]
    good = connect()
    good.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b" 200 " in good.recv(100)
    assert b"" == idle[0].recv(100)
    assert 9 <= metric(gateway, name) - before <= 11


def test_stop_finishes_what_was_begun(tmp_path):
    """On SIGTERM a request under way is answered, the connection closed with it, and the exit status is 0."""
    process = GatewayProcess(tmp_path / "log", GATEWAY_MODEL_SERVER=f"localhost:{free_port()}")
    address = ("127.0.0.1", process.port)
    with socket.create_connection(address) as busy, socket.create_connection(address) as idle:
        idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b" 200 " in read_one(idle)[0]
        busy.sendall(HEAD + b"Content-Length: 60000\r\n\r\n" + b"x" * 30_000)
        time.sleep(0.3)
        process.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(address)
        # A kept connection still takes the request that was on its way.
        idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"connection: close" in read_one(idle)[0]
        busy.sendall(b"x" * 30_000)
        answer = read_all(busy)
        assert (True, True) == (b" 503 " in answer[:20], b"connection: close" in answer.lower())
    assert 0 == process.process.wait(10)


def test_probes_have_threads_of_their_own(tmp_path):
    """While every thread for pages waits for a model server that says nothing, liveness is answered at once."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        process = GatewayProcess(tmp_path / "log", GATEWAY_MODEL_SERVER=f"127.0.0.1:{silent.getsockname()[1]}")
        with contextlib.ExitStack() as connections:
            for _ in range(12):
                one = connections.enter_context(socket.create_connection(("127.0.0.1", process.port)))
                one.sendall(b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n")
            began_s = time.monotonic()
            assert 200 == process.call("/healthz")[0]
            assert time.monotonic() - began_s < 2.0
        process.stop()
