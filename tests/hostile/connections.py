"""Hear of every connection and look-up of a test, and refuse those outside of what the test allows.

Python tells an audit hook before it connects, sends or resolves; raising there prevents it. The hook stays quiet about
addresses of this machine unless a test narrows that, so a test of the gateway can say "nothing but this one port":

    def test_x(connections):
        connections.only(("127.0.0.1", 8080))

What was refused is kept as well as raised, since the code under test may swallow what is raised; the fixture fails the
test for it. Programs that a test starts with `connections.environment()` are held to the same by
`site/sitecustomize.py`. Code that is not Python's (gRPC's core, Chromium) connects without telling Python and is not
heard of.

A test that needs a host on the public internet names a stand-in on this machine: `stand_in("93.184.215.14", 80, port)`.
"""

import contextlib
import ipaddress
import json
import os
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SITE = Path(__file__).with_name("site")
ANY_PORT = 0

_VARIABLE = "HOSTILE_CONNECTIONS"
_CONNECTING = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_RESOLVING = frozenset({"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"})


class OutsideConnection(AssertionError):  # noqa: N818 - what a reader of `raises` wants to see
    """Report a connection or a look-up that the test does not allow."""


class Connections:
    """What may be connected to, and what was tried beside it.

    Args:
        file: where refusals are written as well, a line each: for a program of its own.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._allowed: set[tuple[str, int]] | None = None  # any address of this machine
        self._names = {"localhost", socket.gethostname()}
        self._stand_ins: dict[tuple[str, int], tuple[str, int]] = {}
        self._file = file
        self._lock = threading.Lock()
        self._passing = threading.local()
        self.made: list[tuple[str, int]] = []
        self.refused: list[str] = []

    def only(self, *allowed: tuple[str, int]) -> None:
        """Allow these pairs of address and port, ANY_PORT for all, and nothing else; without any, no connection."""
        self._allowed = set(allowed)
        self._names = set()

    def resolve(self, *names: str) -> None:
        """Allow looking these names up; addresses and `localhost` need no permission."""
        self._names.update(names)

    def stand_in(self, address: str, port: int, local_port: int) -> None:
        """Allow an address, and lead what connects to it to a port of this machine."""
        self._allowed = (self._allowed or set()) | {(address, port)}
        self._stand_ins[address, port] = ("::1" if ":" in address else "127.0.0.1", local_port)
        socket.socket.connect = _connect

    def environment(self, file: Path) -> dict[str, str]:
        """Give variables that hold a Python program to the same; PYTHONPATH wants the repository's own after it."""
        allowed = None if self._allowed is None else sorted(self._allowed)
        stand_ins = [(*address, *local) for address, local in self._stand_ins.items()]
        told = {"allowed": allowed, "names": sorted(self._names), "stand_ins": stand_ins, "file": str(file)}
        return {"PYTHONPATH": str(SITE), _VARIABLE: json.dumps(told)}

    @classmethod
    def of_environment(cls) -> "Connections | None":
        """Make what `environment` described, in the program that was started with it."""
        if _VARIABLE not in os.environ:
            return None
        told = json.loads(os.environ[_VARIABLE])
        connections = cls(Path(told["file"]))
        if told["allowed"] is not None:
            connections.only(*map(tuple, told["allowed"]))
        connections.resolve(*told["names"])
        for address, port, _, local_port in told["stand_ins"]:
            connections.stand_in(address, port, local_port)
        return connections

    def check(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Judge one event of the audit hook. Raises: OutsideConnection."""
        if getattr(self._passing, "now", False):
            return
        if event in _RESOLVING:
            name = arguments[0]
            name = name.decode(errors="replace") if isinstance(name, bytes) else name
            if name and name not in self._names and _parsed(name) is None:
                self._refuse(f"{event} {name!r}")
        elif event in _CONNECTING:
            sock, address = arguments[0], arguments[1]
            if address is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
                return  # a socket of the machine itself, or one that was checked when it connected
            host, port = str(address[0]), int(address[1])
            if not self._may(host, port):
                self._refuse(f"{event} {host} port {port}")
            with self._lock:
                self.made.append((host, port))

    def connect(self, sock: socket.socket, address: Any) -> None:
        """Connect a socket, or lead it to the address's stand-in."""
        local = self._stand_ins.get(address[:2]) if isinstance(address, tuple) else None
        if local is None:
            _real_connect(sock, address)
            return
        self.check("socket.connect", (sock, address))
        self._passing.now = True
        try:
            _real_connect(sock, local)
        finally:
            self._passing.now = False

    def _may(self, host: str, port: int) -> bool:
        if self._allowed is not None:
            return bool({(host, port), (host, ANY_PORT)} & self._allowed)
        parsed = _parsed(host)
        if parsed is None:
            return host in self._names
        mapped = getattr(parsed, "ipv4_mapped", None)
        return (mapped or parsed).is_loopback

    def _refuse(self, what: str) -> None:
        with self._lock:
            self.refused.append(what)
            if self._file:
                with self._file.open("a") as file:
                    file.write(f"{what}\n")
        raise OutsideConnection(f"not allowed: {what}")


_current: Connections | None = None
_installed = False
_real_connect = socket.socket.connect


@contextlib.contextmanager
def watched(connections: Connections) -> Iterator[Connections]:
    """Hold this process to `connections` for a while."""
    global _current  # noqa: PLW0603 - an audit hook is the process's, and cannot be taken back
    before = _current
    install(connections)
    try:
        yield connections
    finally:
        _current = before


def install(connections: Connections) -> None:
    """Hold this process to `connections` from now on."""
    global _current, _installed  # noqa: PLW0603 - as above
    _current = connections
    if not _installed:
        _installed = True
        sys.addaudithook(_hook)


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event.startswith("socket.") and _current is not None:
        _current.check(event, arguments)


def _connect(sock: socket.socket, address: Any) -> None:
    if _current is None:
        _real_connect(sock, address)
    else:
        _current.connect(sock, address)


def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
