"""Read a URL strictly: parsers disagree about odd ones, and what they disagree about gets past a check.

So there is one grammar here (RFC 3986's for http, with nothing that another program might read otherwise), it is
applied to the text as it came, and what is connected to is made from its parts only.
"""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, urljoin

MAX_LENGTH = 4096
_LAST_PORT = 65535
_DEFAULT_PORTS = {"http": 80, "https": 443}
PORTS = tuple(_DEFAULT_PORTS.values())
_ODD = re.compile(r"[\x00-\x20\x7f-\xa0\\\u2028\u2029\ud800-\udfff]")  # surrogates: JSON can hold halves of characters
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<authority>[^/?#]*)(?P<path>/[^?#]*)?(\?(?P<query>[^#]*))?(#.*)?",
    re.ASCII | re.IGNORECASE,
)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.ASCII | re.IGNORECASE)
_AUTHORITY = re.compile(r"(\[(?P<v6>[0-9a-f:.]+)\]|(?P<name>[a-z0-9._-]+))(:(?P<port>([1-9][0-9]{0,4})?))?", re.ASCII)
_NAME = re.compile(
    r"(?=.{1,253}\Z)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII
)
_NUMERIC_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)

_CONTACT = re.compile(r"[!-'*-\[\]-~]{1,200}", re.ASCII)


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
    def is_address(self) -> bool:
        """Tell whether the host is an address itself, and no name."""
        return ":" in self.host or self.host.rpartition(".")[2].isdigit()

    @property
    def authority(self) -> str:
        """Write host and port as the header Host has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self._scheme] else f"{host}:{self.port}"

    def join(self, reference: str, *, any_port: bool = False) -> "Url":
        """Read where a redirect leads to, by the same rules. Raises: BadUrl."""
        _refuse_odd(reference)
        # Taken whole where it has a scheme or a host: urljoin reads `http:a` and `http:///a` as paths, others as hosts.
        if _SCHEME.match(reference):
            joined = reference
        elif reference.startswith("//"):
            joined = f"{self._scheme}:{reference}"
        else:
            joined = urljoin(f"{self._scheme}://{self.authority}{self.target}", reference)
        return parse_url(joined, any_port=any_port)

    @property
    def _scheme(self) -> str:
        return "https" if self.is_tls else "http"


def parse_url(url: str, *, any_port: bool = False) -> Url:
    """Take an http(s) URL apart.

    Args:
        url: the text as it came; spaces around it are left out.
        any_port: whether ports beside 80 and 443 are read: for this machine in development, and whoever asks for it
            checks where they lead.
    Raises: BadUrl.
    """
    url = url.strip(" ")
    _refuse_odd(url)
    if not (parts := _URL.fullmatch(url)):
        raise BadUrl("The URL must begin with http:// or https://.")
    scheme = parts["scheme"].lower()
    host, port = _host_and_port(parts["authority"], _DEFAULT_PORTS[scheme])
    if port not in PORTS and not any_port:
        raise BadUrl("The URL's port must be 80 or 443.")
    # What is percent-encoded already stays as it is; the rest of Unicode goes out as UTF-8 (RFC 3987, section 3.1).
    target = quote(parts["path"] or "/", safe="/%:@!$&'()*+,;=~-._")
    if parts["query"]:
        target += "?" + quote(parts["query"], safe="/?%:@!$&'()*+,;=~-._[]")
    return Url(scheme == "https", host, port, target)


def read_hosts(text: str) -> tuple[str, ...]:
    """Read hosts separated by commas: `example.org`, or `*.example.org` for all names below it. Raises: ValueError."""
    hosts = tuple(host.strip().lower() for host in text.split(","))
    for host in hosts:
        if not _NAME.fullmatch(host.removeprefix("*.")):
            raise ValueError("must be hosts' names, separated by commas; *.example.org stands for all names below one")
    return hosts


def read_contact(text: str) -> str:
    """Read what a User-Agent's comment says of whom to reach: a URL or an e-mail address. Raises: ValueError."""
    if not _CONTACT.fullmatch(text):
        raise ValueError("must be a URL or an e-mail address, without spaces, brackets and backslashes")
    return text


def is_among(host: str, hosts: Sequence[str]) -> bool:
    """Tell whether a URL's host is one of those that `read_hosts` gives."""
    return any(host == one or (one.startswith("*.") and host.endswith(one[1:])) for one in hosts)


def _refuse_odd(text: str) -> None:
    if len(text) > MAX_LENGTH:
        raise BadUrl(f"The URL is longer than {MAX_LENGTH} characters.")
    if _ODD.search(text):
        raise BadUrl("The URL holds a space, a backslash or a control character.")


def _host_and_port(authority: str, default_port: int) -> tuple[str, int]:
    if "@" in authority:
        raise BadUrl("The URL must not hold a user name or password.")
    if not authority.isascii():
        raise BadUrl("The URL's host must be written in ASCII: a name of another script begins with xn-- there.")
    if not (parts := _AUTHORITY.fullmatch(authority.lower())):
        raise BadUrl("The URL's host or port is not a proper one.")
    port = int(parts["port"] or default_port)
    if port > _LAST_PORT:
        raise BadUrl("The URL's host or port is not a proper one.")
    return (_v6(parts["v6"]) if parts["v6"] else _name(parts["name"])), port


def _v6(text: str) -> str:
    try:
        return str(ipaddress.IPv6Address(text))
    except ValueError:
        raise BadUrl("The URL's host is not a proper address.") from None


def _name(text: str) -> str:
    name = text.removesuffix(".")  # certificates are made out without the root's dot
    if _NUMERIC_LABEL.fullmatch(name.rpartition(".")[2]):
        # `127.1`, `0x7f.1`, `127.0.0.1.` and `2130706433` are addresses to some and names to others.
        try:
            return str(ipaddress.IPv4Address(text))
        except ValueError:
            raise BadUrl("The URL's host is not a proper address.") from None
    if not _NAME.fullmatch(name):
        raise BadUrl("The URL's host is not a proper name.")
    return name
