"""Ask DNS for every address behind a name, a headless Service having one a pod; and see that somebody is there."""

import socket

from gateway.verify.checks import Red
from serving_api.deadline import Deadline

_CONNECT_S = 3.0


def lookup(target: str) -> list[str]:
    """Give `address:port` of each address of `name:port`, sorted. Raises: Red."""
    host, _, port = target.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()):
        raise Red(f"{target!r} is not NAME:PORT")
    try:
        found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        words = error.strerror if isinstance(error, OSError) else str(error)
        raise Red(f"{host} has no address: {words}") from None
    addresses = {str(entry[4][0]) for entry in found}
    return sorted(f"[{address}]:{port}" if ":" in address else f"{address}:{port}" for address in addresses)


def reach(address: str, deadline: Deadline) -> None:
    """Connect to `address:port` and hang up.

    DNS may know a pod for some seconds longer than it lives. Packets to it are lost without a word, and would be waited
    for until the end of the round.

    Raises: Red.
    """
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection(
            (host.strip("[]"), int(port)), max(0.001, min(_CONNECT_S, deadline.remaining_s()))
        ).close()
    except OSError as error:
        raise Red(f"no connection: {error.strerror or error}") from None
