"""The door of a gateway that runs: keys before bodies, keys that change, ports that are apart, a log without secrets.

No model server is there: who is let in gets 503.
"""

import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from gateway.keys import make_key
from tests.contract.server_process import REPOSITORY, free_port, wait_until
from tests.contract.test_gateway import GatewayProcess

KEY, LINE = make_key("shop")


@pytest.fixture
def keys_file(tmp_path):
    file = tmp_path / "keys"
    file.write_text(LINE)
    return file


@pytest.fixture
def gateway(tmp_path, keys_file):
    process = GatewayProcess(
        tmp_path / "gateway.log",
        GATEWAY_MODEL_SERVER=f"127.0.0.1:{free_port()}",
        GATEWAY_API_KEYS_FILE=str(keys_file),
        GATEWAY_CORS_ORIGINS="https://shop.example.org",
    )
    yield process
    process.stop()


def ask(gateway, method="POST", path="/predict", body=b"x", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=10)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with contextlib.closing(connection):
        connection.request(method, path, body, {"Content-Type": "image/png", **named})
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()


def test_a_strangers_body_is_not_waited_for(gateway):
    """Who has no key is told so by the head alone: a body that is announced and never sent holds up nothing."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as client:
        began_s = time.monotonic()
        client.sendall(
            b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\nContent-Length: 9000000\r\n"
            b"Expect: 100-continue\r\n\r\n"
        )
        head = client.recv(4096)
    assert head.startswith(b"HTTP/1.1 401 ")
    assert b"www-authenticate: bearer" in head.lower()
    assert time.monotonic() - began_s < 1.5


def test_only_a_key_leads_to_the_model(gateway):
    """With the key the request goes on, to a model server that is not there; a preflight needs none."""
    assert 503 == ask(gateway, X_API_Key=KEY)[0]
    assert 401 == ask(gateway, X_API_Key=KEY[:-1])[0]
    assert 401 == ask(gateway, "GET", "/v1/models", b"")[0]
    origin = {"Origin": "https://shop.example.org", "Access_Control_Request_Method": "POST"}
    status, headers, _ = ask(gateway, "OPTIONS", "/predict", b"", **origin)
    assert (204, "https://shop.example.org") == (status, headers["access-control-allow-origin"])
    assert "https://shop.example.org" == ask(gateway, **origin)[1]["access-control-allow-origin"]


def test_headers_that_look_like_others(gateway):
    """A header with underscores is not the one with dashes, and of two keys none is taken."""
    assert 401 == ask(gateway, X_API_Key="")[0]
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as client:
        client.sendall(f"GET /v1/models HTTP/1.1\r\nHost: a\r\nX_API_Key: {KEY}\r\nConnection: close\r\n\r\n".encode())
        assert client.recv(4096).startswith(b"HTTP/1.1 401 ")
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as client:
        twice = f"X-API-Key: {KEY}\r\n" * 2
        client.sendall(f"GET /v1/models HTTP/1.1\r\nHost: a\r\n{twice}Connection: close\r\n\r\n".encode())
        assert client.recv(4096).startswith(b"HTTP/1.1 401 ")


def test_keys_change_while_it_runs(gateway, keys_file):
    """A key that is added works within seconds, and one that is removed works no more; nothing is restarted."""
    new, new_line = make_key("new")
    other = keys_file.with_suffix(".new")
    other.write_text(new_line)
    other.replace(keys_file)
    wait_until(lambda: ask(gateway, X_API_Key=new)[0] == 503, 5, lambda: "the new key is not taken")
    assert 401 == ask(gateway, X_API_Key=KEY)[0]


def test_no_body_where_none_belongs(gateway):
    """A body that nobody will read is not kept, be it with a method that needs no key."""
    for method, path in (("OPTIONS", "/predict"), ("GET", "/healthz"), ("PUT", "/")):
        assert 413 == ask(gateway, method, path, b"x" * 100_000)[0]


def test_the_log_holds_ids_and_no_secret(gateway, tmp_path):
    """Every line is JSON; a caller is named, a key, a query and a forged line are not there."""
    secret = "https://user:hunter2@127.0.0.1/a.png?X-Amz-Signature=abc"
    headers = {"Content_Type": "application/json", "X_API_Key": KEY, "X_Request_ID": "a-1"}
    ask(gateway, body=json.dumps({"url": secret}).encode(), **headers)
    ask(gateway, "GET", f"/a%0a%7b%22level%22:1%7d?key={KEY}", b"", X_API_Key=f"{KEY}0")
    lines = (tmp_path / "gateway.log").read_text().splitlines()
    told = [json.loads(line) for line in lines]
    assert [] == [word for word in (KEY[3:], "hunter2", "X-Amz") if word in "".join(lines)]
    assert {"shop", "127.0.0.1"} <= {one.get("caller") for one in told}
    assert {"a-1"} <= {one.get("request_id") for one in told}
    assert '/a\n{"level":1}' in {one.get("path") for one in told}


def test_metrics_have_their_own_port(tmp_path):
    """With GATEWAY_METRICS_PORT Prometheus is answered there, and nobody at the public port."""
    port = free_port()
    gateway = GatewayProcess(tmp_path / "gateway.log", GATEWAY_METRICS_PORT=str(port))
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            assert b"gateway_build_info{" in answer.read()
        assert 404 == ask(gateway, "GET", "/metrics", b"", Host=f"127.0.0.1:{port}")[0]
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=10)
    finally:
        assert 0 == gateway.stop()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"GATEWAY_API_KEYS_FILE": "/absent"}, "error: GATEWAY_API_KEYS_FILE: /absent: No such file or directory\n"),
        (
            {"GATEWAY_MODEL_SERVER_CA_FILE": "/absent"},
            "error: GATEWAY_MODEL_SERVER_CA_FILE='/absent': No such file or directory\n",
        ),
        ({"GATEWAY_METRICS_PORT": "{port}"}, "error: GATEWAY_METRICS_PORT={port} on GATEWAY_HOST=127.0.0.1"),
    ],
)
def test_what_cannot_be_used_ends_it(settings, said):
    """A file or port that cannot be had ends the gateway with one line that names the variable."""
    port = str(free_port())
    told = {"GATEWAY_PORT": port, "GATEWAY_HOST": "127.0.0.1", "PYTHONPATH": str(REPOSITORY / "apps")}
    told |= {name: value.format(port=port) for name, value in settings.items()}
    done = subprocess.run(
        [sys.executable, "-m", "gateway.cli", "serve"],
        env=os.environ | told, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert 1 == done.returncode
    assert done.stderr.startswith(said.format(port=port))
    assert 1 == len(done.stderr.splitlines())
