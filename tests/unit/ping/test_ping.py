"""The sample service: one answer, one refusal, and a stop."""

import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from ping.ping import make_server

PROGRAM = Path(__file__).parents[3] / "apps/ping/ping.py"


@pytest.fixture
def address():
    """A running server's address."""
    with make_server("127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_ping_says_who_answered(address):
    """The answer names the machine, which in a cluster is the pod."""
    with urllib.request.urlopen(f"{address}/ping", timeout=5) as response:
        assert 200 == response.status
        assert f"PONG from {socket.gethostname()}\n" == response.read().decode()


@pytest.mark.parametrize("path", ["/", "/pong", "/ping/"])
def test_anything_else_is_not_found(address, path):
    """A path that is not there is 404, not a pong."""
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{address}{path}", timeout=5)
    assert 404 == refused.value.code


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_when_told(number):
    """A stop is asked for by SIGTERM or Ctrl-C, and ends it at once without an error."""
    with subprocess.Popen([sys.executable, PROGRAM, "--port", "0"], stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout.readline().startswith("http://127.0.0.1:")
        program.send_signal(number)
        assert 0 == program.wait(timeout=5)
