"""Check one gateway pod: it is ready, it is the right one, and its page loads."""

import re
from dataclasses import dataclass

from gateway.verify.checks import Red
from gateway.verify.http import Http
from serving_api.deadline import Deadline

_PART = re.compile(rb'<(?:script|link|img)\b[^>]*?\b(?:src|href)="/?(static/[^"]+)"')


@dataclass(frozen=True)
class Version:
    """What /version tells."""

    commit: str
    image: str

    def __str__(self) -> str:
        """Write both."""
        return f"commit {self.commit}, image {self.image}"


def check_gateway(address: str, commit: str, image: str, deadline: Deadline) -> Version:
    """Check the gateway at an address.

    Args:
        address: host:port.
        commit: that it must be built from; empty for any.
        image: that it must run; empty for any.
        deadline: for all of it.
    Returns: what it is. Raises: Red.
    """
    gateway = Http(address, deadline)
    version = _version(gateway)
    for what, wanted, actual in (("commit", commit, version.commit), ("image", image, version.image)):
        if wanted not in ("", actual):
            raise Red(f"{what} is {actual}, not {wanted}")
    gateway.get("/readyz")
    _check_page(gateway)
    return version


def _version(gateway: Http) -> Version:
    told = gateway.get_json("/version")
    if not isinstance(told, dict) or not all(isinstance(told.get(key), str) for key in ("commit", "image")):
        raise Red("/version tells no commit and image")
    return Version(told["commit"], told["image"])


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
