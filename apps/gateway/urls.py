"""Read a URL strictly: parsers disagree about odd ones, and what they disagree about gets past a check."""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

_MAX_LENGTH = 4096
_DEFAULT_PORTS = {"http": 80, "https": 443}
_FIRST_FREE_PORT = 1024
_NAME = re.compile(
    r"(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.?", re.ASCII
)
_NUMERIC_LABEL = re.compile(r"(\d+|0x[0-9a-f]*)\.?", re.ASCII)


class FetchError(Exception):
    """Report a picture that cannot be fetched; the base of all that `gateway.fetch` raises."""


class BadUrl(FetchError):  # noqa: N818 - what a reader of `except` wants to see
    """Report a URL that is not accepted; the message says why."""


@dataclass(frozen=True)
class Url:
    """An http(s) URL taken apart: `host` is a name or an address, `target` the path and query to ask for."""

    is_tls: bool
    host: str
    port: int
    target: str

    @property
    def default_port(self) -> int:
        """Give the port that the scheme implies."""
        return _DEFAULT_PORTS["https" if self.is_tls else "http"]


def parse_url(url: str) -> Url:
    """Take an http(s) URL apart. Raises: BadUrl."""
    url = url.strip()
    if len(url) > _MAX_LENGTH:
        raise BadUrl(f"The URL is longer than {_MAX_LENGTH} characters.")
    if any(character <= " " or character in "\\\x7f" for character in url):
        raise BadUrl("The URL holds a space, a backslash or a control character.")
    try:
        parts = urlsplit(url)
        scheme, name, port = parts.scheme.lower(), parts.hostname, parts.port
    except ValueError:
        raise BadUrl("The URL is malformed.") from None
    if scheme not in _DEFAULT_PORTS:
        raise BadUrl("The URL must begin with http:// or https://.")
    if "@" in parts.netloc:
        raise BadUrl("The URL must not hold a user name or password.")
    if not name:
        raise BadUrl("The URL names no host.")
    port = _DEFAULT_PORTS[scheme] if port is None else port
    if port not in _DEFAULT_PORTS.values() and port < _FIRST_FREE_PORT:
        raise BadUrl("The URL's port must be 80, 443 or at least 1024.")
    # What is percent-encoded already stays as it is; the rest of Unicode goes out as UTF-8 (RFC 3987, section 3.1).
    target = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    if parts.query:
        target += "?" + quote(parts.query, safe="/?%:@!$&'()*+,;=~-._[]")
    return Url(scheme == "https", _host(name), port, target)


def _host(name: str) -> str:
    if "%" in name:  # an IPv6 zone, which only a local address needs
        raise BadUrl("The URL's host is not a proper name.")
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        pass
    try:
        name = name.encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise BadUrl("The URL's host is not a proper name.") from None
    # `127.1`, `0x7f.1` and `2130706433` are addresses to some resolvers and names to others.
    if not _NAME.fullmatch(name) or _NUMERIC_LABEL.fullmatch(name.rstrip(".").rpartition(".")[2]):
        raise BadUrl("The URL's host is not a proper name.")
    return name.rstrip(".")  # certificates are made out without the root's dot
