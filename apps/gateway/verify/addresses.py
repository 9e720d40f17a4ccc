"""Ask DNS for every address behind a name: a headless Service has one a pod."""

import socket

from gateway.verify.checks import Red


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
