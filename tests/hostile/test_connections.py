"""Rules of the hook that hears of connections."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hostile.connections import Connections, OutsideConnection, watched

ROOT = Path(__file__).parents[2]


@pytest.fixture
def port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_this_machine_may_be_reached(connections, port):
    """Without another word a test may connect to its own machine, by address or name."""
    for host in ("127.0.0.1", "localhost"):
        socket.create_connection((host, port)).close()
    assert [("127.0.0.1", port)] * 2 == connections.made


@pytest.mark.parametrize("address", ["192.168.1.1", "8.8.8.8", "169.254.169.254", "fd00:ec2::254", "2606:4700::1111"])
def test_nothing_else_is_reached(address):
    """A connection or a datagram to another machine is prevented, and kept."""
    with watched(Connections()) as connections:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family) as stream, pytest.raises(OutsideConnection):
            stream.connect((address, 80))
        with socket.socket(family, socket.SOCK_DGRAM) as datagram, pytest.raises(OutsideConnection):
            datagram.sendto(b"x", (address, 53))
        assert 2 == len(connections.refused)
    assert [] == connections.made


def test_nothing_is_resolved():
    """A name is looked up only with permission: the question itself leaves the machine."""
    with watched(Connections()) as connections:
        for name in ("pictures.example", "0x7f.1"):
            with pytest.raises(OutsideConnection):
                socket.getaddrinfo(name, 80)
        assert 2 == len(connections.refused)
        connections.resolve("nowhere.invalid")
        with pytest.raises(socket.gaierror):
            socket.getaddrinfo("nowhere.invalid", 80, flags=socket.AI_NUMERICHOST)


def test_a_test_may_narrow_it(port):
    """`only` allows a pair of address and port; the machine's other ports are outside then."""
    with watched(Connections()) as connections:
        connections.only(("127.0.0.1", port))
        socket.create_connection(("127.0.0.1", port)).close()
        for host, other in (("127.0.0.1", port + 1), ("127.0.0.2", port)):
            with pytest.raises(OutsideConnection):
                socket.create_connection((host, other))
        with pytest.raises(OutsideConnection):
            socket.getaddrinfo("localhost", port)


def test_a_stand_in_takes_the_connections_of_a_public_address(connections):
    """What connects to the public address arrives at this machine, and counts as connected to that address."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        connections.only()
        connections.stand_in("93.184.215.14", 80, server.getsockname()[1])
        with socket.socket() as stream:
            stream.connect(("93.184.215.14", 80))
            arrived, _ = server.accept()
            arrived.close()
    assert [("93.184.215.14", 80)] == connections.made


def test_what_the_code_swallows_fails_the_test(tmp_path):
    """Every test is held to its own machine: one whose code goes outside and hides it fails."""
    module = tmp_path / "test_hidden.py"
    module.write_text(
        "import contextlib, socket\n"
        "def test_hidden():\n"
        "    with contextlib.suppress(AssertionError), socket.socket() as stream:\n"
        "        stream.connect(('10.0.0.1', 80))\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "tests.conftest", str(module)]
    done = subprocess.run([*command, "-c", "pyproject.toml"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "1 passed, 1 error" in done.stdout, done.stdout + done.stderr
    assert "socket.connect 10.0.0.1 port 80" in done.stdout


def test_programs_are_held_to_it(tmp_path, port):
    """A program that is started with `environment` is stopped as well, and says so in the file."""
    connections, file = Connections(), tmp_path / "refused"
    connections.only(("127.0.0.1", port))
    program = (
        f"import socket\nsocket.create_connection(('127.0.0.1', {port}))\nsocket.create_connection(('10.0.0.1', 1))"
    )
    environment = {**os.environ, **connections.environment(file)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert 1 == done.returncode
    assert "OutsideConnection" in done.stderr
    assert "socket.connect 10.0.0.1 port 1\n" == file.read_text()
