"""Hear of every connection and look-up of a test, and refuse those outside of what the test allows.

Python tells an audit hook before it connects, sends or resolves; raising there prevents it. The hook stays quiet about
addresses of this machine unless a test narrows that, so a test of the gateway can say "nothing but this one port":

    def test_x(connections):
        connections.only(("127.0.0.1", 8080))

What was refused is kept as well as raised, since the code under test may swallow what is raised; the fixture fails the
test for it. Programs that a test starts with `connections.environment()` are held to the same by
`site/sitecustomize.py`. Code that is not Python's (gRPC's core, Chromium) connects without telling Python and is not
heard of.
"""

import contextlib
import ipaddress
import os
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

SITE = Path(__file__).with_name("site")
ALLOWED, REFUSED = "HOSTILE_CONNECTIONS_ALLOWED", "HOSTILE_CONNECTIONS_REFUSED"
ANY_PORT = 0

_CONNECTING = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_RESOLVING = frozenset({"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"})


class OutsideConnection(AssertionError):  # noqa: N818 - what a reader of `raises` wants to see
    """Report a connection or a look-up that the test does not allow."""


class Connections:
    """What may be connected to, and what was tried beside it.

    Args:
        allowed: (address, port) pairs, ANY_PORT for all ports; None: any address of this machine.
        file: where refusals are written as well, a line each: for a program of its own.
    """

    def __init__(self, allowed: set[tuple[str, int]] | None = None, file: Path | None = None) -> None:
        self._allowed = allowed
        self._file = file
        self._names = {"localhost", socket.gethostname()}
        self._lock = threading.Lock()
        self.made: list[tuple[str, int]] = []
        self.refused: list[str] = []

    def only(self, *allowed: tuple[str, int]) -> None:
        """Allow these pairs of address and port, and nothing else; without any, no connection at all."""
        self._allowed = set(allowed)
        self._names = set()

    def resolve(self, *names: str) -> None:
        """Allow looking these names up; addresses and `localhost` need no permission."""
        self._names.update(names)

    def environment(self, file: Path) -> dict[str, str]:
        """Give variables that hold a Python program to the same; PYTHONPATH wants the repository's own after it."""
        allowed = "any" if self._allowed is None else ",".join(f"{host}|{port}" for host, port in self._allowed)
        return {"PYTHONPATH": str(SITE), ALLOWED: allowed, REFUSED: str(file)}

    @classmethod
    def of_environment(cls) -> "Connections | None":
        """Make what `environment` described, in the program that was started with it."""
        if not (text := os.environ.get(ALLOWED)) and REFUSED not in os.environ:
            return None
        pairs = [pair.split("|") for pair in (text or "").split(",") if pair]
        allowed = None if text == "any" else {(host, int(port)) for host, port in pairs}
        return cls(allowed, Path(os.environ[REFUSED]))

    def check(self, event: str, arguments: tuple[object, ...]) -> None:
        """Judge one event of the audit hook. Raises: OutsideConnection."""
        if event in _RESOLVING:
            name = arguments[0]
            name = name.decode(errors="replace") if isinstance(name, bytes) else name
            if name and name not in self._names and _parsed(str(name)) is None:
                self._refuse(f"{event} {name!r}")
        elif event in _CONNECTING:
            sock, address = arguments[0], arguments[1]
            if address is None or getattr(sock, "family", None) not in (socket.AF_INET, socket.AF_INET6):
                return  # a socket of the machine itself, or one that was checked when it connected
            host, port = str(address[0]), int(address[1])  # type: ignore[index]
            if not self._may(host, port):
                self._refuse(f"{event} {host} port {port}")
            with self._lock:
                self.made.append((host, port))

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


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if event.startswith("socket.") and _current is not None:
        _current.check(event, arguments)


def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
