"""Check one gateway pod: it is ready, it is the right one, and its page loads."""

import re
from dataclasses import dataclass, fields

from gateway.verify.checks import Red
from gateway.verify.http import Http
from serving_api.deadline import Deadline

_PART = re.compile(rb'<(?:script|link|img)\b[^>]*?\b(?:src|href)="/?(static/[^"]+)"')


@dataclass(frozen=True)
class Version:
    """What /version tells, or has to tell: there, what is empty may be anything."""

    commit: str = ""
    revision: str = ""
    image: str = ""

    def __str__(self) -> str:
        """Write all of it."""
        return ", ".join(f"{field.name} {getattr(self, field.name)}" for field in fields(self))


def check_gateway(address: str, wanted: Version, deadline: Deadline) -> Version:
    """Check the gateway at an address.

    Args:
        address: host:port.
        wanted: what it must tell.
        deadline: for all of it.
    Returns: what it is. Raises: Red.
    """
    gateway = Http(address, deadline)
    version = _version(gateway)
    for field in fields(Version):
        expected, actual = getattr(wanted, field.name), getattr(version, field.name)
        if expected not in ("", actual):
            raise Red(f"{field.name} is {actual}, not {expected}")
    gateway.get("/readyz")
    _check_page(gateway)
    return version


def _version(gateway: Http) -> Version:
    told = gateway.get_json("/version")
    names = [field.name for field in fields(Version)]
    if not isinstance(told, dict) or not all(isinstance(told.get(name), str) for name in names):
        raise Red("/version tells no commit, revision and image")
    return Version(*(told[name] for name in names))


def _check_page(gateway: Http) -> None:
    """Load the page with every part that it names."""
    page, kind = gateway.get("/")
    if kind != "text/html":
        raise Red(f"/: the page is {kind}, not text/html")
    parts = {part.decode() for part in _PART.findall(page)}
    if not any(part.endswith(".js") for part in parts):
        raise Red("/: the page names no script")
    for part in sorted(parts):
        gateway.get(f"/{part}")
