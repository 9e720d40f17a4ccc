"""Fetch a picture that a stranger names by URL, without becoming a way into the private network.

    FetchError (gateway.urls)
    |-- BadUrl         not an http(s) URL that is accepted, or its host is not public   HTTP 400
    |-- FetchTooLarge  more bytes than accepted                                         HTTP 413
    |-- FetchersBusy   no room for another large picture                                HTTP 429
    |-- HostFailed     the picture's host cannot be reached or does not give it         HTTP 502
    `-- FetchTimeout   the time is up                                                   HTTP 504

The address that is checked is the address that is connected to: the name is resolved here once, and the connection is
made to the result. A second look-up could answer differently (DNS rebinding). Each redirect starts anew. Proxies from
the environment are not used: nothing here reads it.
"""

import functools
import logging
import socket
import ssl
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import zip_longest

from gateway.addresses import is_loopback, is_public
from gateway.exchange import BrokenExchangeError, Exchange, Head
from gateway.formats import name_of
from gateway.pictures import NotAPicture
from gateway.room import Body, Room
from gateway.urls import PORTS, BadUrl, FetchError, Url, is_among, parse_url
from serving_api.deadline import Deadline

Resolver = Callable[[str, int], Sequence[str]]

_USER_AGENT = "image-classifiers-gateway"
_PLACES = 128
_CONNECT_TIMEOUT_S = 2.0
_MAX_REDIRECTS = 3
_MAX_ADDRESSES = 4
_SHARED_BYTES = 64 * 2**20
_FIRST_BYTES = 64  # as many as tell what a picture is
_REDIRECTS = (301, 302, 303, 307, 308)
_OK = 200

log = logging.getLogger(__name__)


class HostFailed(FetchError):  # noqa: N818 - what a reader of `except` wants to see
    """Report that the picture's host cannot be reached, or does not give the picture."""


class FetchTimeout(FetchError):  # noqa: N818
    """Report that the time for fetching is up."""


class FetchTooLarge(FetchError):  # noqa: N818
    """Report a body of more bytes than are accepted."""


class FetchersBusy(FetchError):  # noqa: N818
    """Report that other large pictures have taken the room for this one."""


def resolve(host: str, port: int) -> Sequence[str]:
    """Look a name up with the system's resolver and return its addresses. Raises: OSError."""
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in answers))


@dataclass(frozen=True)
class Fetcher:
    """Fetches pictures in threads of its own; safe to use from many threads.

    Args:
        max_bytes: the largest body that is accepted.
        hosts: the hosts that URLs may lead to, `*.example.org` for all names below one; empty: any public host.
        contact: how hosts reach whoever runs it: a URL or an e-mail address for the User-Agent.
        places: how many pictures are fetched at a time; others wait, at most until their deadline.
        allow_loopback: whether 127.0.0.0/8 and ::1 count as public, on any port: for development only.
        resolver: (host, port) -> addresses; tests inject theirs.
        tls: what server certificates are checked against; None: the system's authorities.
    """

    max_bytes: int
    hosts: Sequence[str] = ()
    contact: str = ""
    places: int = _PLACES
    allow_loopback: bool = False
    resolver: Resolver = resolve
    tls: ssl.SSLContext | None = None
    _room: Room = field(default_factory=lambda: Room(_SHARED_BYTES), init=False, repr=False)
    _pool: ThreadPoolExecutor = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Make the pool; its threads begin with the first fetches."""
        object.__setattr__(self, "_pool", ThreadPoolExecutor(self.places, "fetch"))

    def fetch(self, url: str, deadline: Deadline) -> bytes:
        """Return the bytes behind a URL, whatever type the host calls them.

        Args:
            url: the text as it came.
            deadline: for everything, waiting for a place included.
        Raises: BadUrl, HostFailed, FetchTimeout, FetchTooLarge, FetchersBusy; NotAPicture.
        """
        work = self.begin(url, deadline)
        try:
            return work.result(timeout=deadline.remaining_s())
        except TimeoutError:
            work.cancel()
            raise FetchTimeout("The picture was not fetched in time.") from None

    def begin(self, url: str, deadline: Deadline) -> Future[bytes]:
        """Begin to fetch in a thread of the pool; see `fetch`. Raises: BadUrl."""
        parsed = parse_url(url, any_port=self.allow_loopback)
        # getaddrinfo takes no timeout: where it hangs, it is left behind in its thread.
        return self._pool.submit(self._follow, parsed, deadline)

    @property
    def _user_agent(self) -> str:
        return f"{_USER_AGENT} (+{self.contact})" if self.contact else _USER_AGENT

    def _follow(self, url: Url, deadline: Deadline) -> bytes:
        for _ in range(_MAX_REDIRECTS + 1):
            body, location = self._get(url, deadline)
            if location is None:
                return body
            url = url.join(location, any_port=self.allow_loopback)
        raise HostFailed(f"The picture's host redirects more than {_MAX_REDIRECTS} times.")

    def _get(self, url: Url, deadline: Deadline) -> tuple[bytes, str | None]:
        """Make one request; return the body, or where it redirects to."""
        connection = self._connect(url, deadline)
        try:
            with connection:
                exchange = Exchange(connection, deadline)
                head = exchange.ask(url.target, {"Host": url.authority, "User-Agent": self._user_agent})
                if head.status in _REDIRECTS and (location := head.headers.get("location")):
                    return b"", location
                if head.status != _OK:
                    raise HostFailed(f"The picture's host answered with status {head.status}.")
                return self._body(exchange, head), None
        except (OSError, BrokenExchangeError) as error:
            if deadline.expired:
                raise FetchTimeout("The picture's host did not send the picture in time.") from error
            raise HostFailed("The picture's host broke off or did not speak HTTP properly.") from error

    def _body(self, exchange: Exchange, head: Head) -> bytes:
        too_large = FetchTooLarge(f"The picture behind the URL has more than {self.max_bytes} bytes.")
        if (head.headers.get("content-encoding") or "identity").lower() != "identity":
            raise HostFailed("The picture's host compressed its answer without being asked to.")
        if (head.length or 0) > self.max_bytes:
            raise too_large
        with Body(self._room) as body:
            for piece in exchange.body(head):
                began = len(body.data) < _FIRST_BYTES
                if len(body.data) + len(piece) > self.max_bytes:
                    raise too_large
                if not body.add(piece):
                    raise FetchersBusy("Too many large pictures are being fetched; try again in a moment.")
                if began and len(body.data) >= _FIRST_BYTES:
                    _check_beginning(body.data)
            _check_beginning(body.data)
            return bytes(body.data)

    def _connect(self, url: Url, deadline: Deadline) -> socket.socket:
        """Connect to a checked address of the URL's host, with TLS where the scheme says so."""
        is_out_of_time = deadline.expired
        addresses = () if deadline.expired else self._addresses(url)
        for address in _alternating(addresses)[:_MAX_ADDRESSES]:
            if deadline.expired:
                break
            try:
                plain = _connected(address, url.port, min(deadline.remaining_s(), _CONNECT_TIMEOUT_S))
            except OSError as error:
                is_out_of_time = isinstance(error, TimeoutError)
                continue
            return self._secured(plain, url, deadline) if url.is_tls else plain
        if deadline.expired or is_out_of_time:
            raise FetchTimeout("The picture's host cannot be reached in time.")
        raise HostFailed("The picture's host cannot be reached.")

    def _secured(self, plain: socket.socket, url: Url, deadline: Deadline) -> ssl.SSLSocket:
        # Python counts a handshake against the socket's timeout as a whole.
        plain.settimeout(max(deadline.remaining_s(), 0.001))
        try:
            return (self.tls or _system_tls()).wrap_socket(plain, server_hostname=url.host)
        except (OSError, ValueError) as error:
            plain.close()
            if deadline.expired or isinstance(error, TimeoutError):
                raise FetchTimeout("The picture's host did not answer in time.") from error
            raise HostFailed("The picture's host has no valid TLS certificate for its name.") from error

    def _addresses(self, url: Url) -> Sequence[str]:
        """Resolve the URL's host; one address that is not public spoils all."""
        if self.hosts and not is_among(url.host, self.hosts):
            raise BadUrl("The URL's host is not one that this gateway fetches pictures from.")
        addresses = [url.host] if url.is_address else self._resolved(url)
        # A name that does not resolve and one that leads inside have one answer: who asks learns nothing about inside.
        if not addresses or not all(self._is_allowed(address) for address in addresses):
            raise BadUrl("The URL's host is not on the public internet.")
        if url.port not in PORTS and not all(is_loopback(address) for address in addresses):
            raise BadUrl("The URL's port must be 80 or 443.")
        return addresses

    def _resolved(self, url: Url) -> Sequence[str]:
        if "." not in url.host and not self.allow_loopback:
            return ()  # a resolver would look for it in the cluster's own domain
        try:
            return self.resolver(url.host, url.port)
        except (OSError, UnicodeError) as error:
            if isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN:
                log.warning("the resolver does not answer: names of pictures' hosts cannot be looked up")
            return ()

    def _is_allowed(self, address: str) -> bool:
        return is_public(address) or (self.allow_loopback and is_loopback(address))


def _alternating(addresses: Sequence[str]) -> list[str]:
    """Take IPv6 and IPv4 in turns, the resolver's choice first: one of them may lead nowhere from here."""
    families: dict[bool, list[str]] = {}
    for address in addresses:
        families.setdefault(":" in address, []).append(address)
    return [address for turn in zip_longest(*families.values()) for address in turn if address]


def _connected(address: str, port: int, timeout_s: float) -> socket.socket:
    """Connect to an address, never to a name. Raises: OSError."""
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.settimeout(max(timeout_s, 0.001))
        sock.connect((address, port))
    except OSError:
        sock.close()
        raise
    return sock


def _check_beginning(body: bytearray) -> None:
    if name_of(bytes(body[:_FIRST_BYTES])) is None:
        raise NotAPicture("What the URL leads to is not a picture that is accepted.")


@functools.cache
def _system_tls() -> ssl.SSLContext:
    return ssl.create_default_context()  # on first use: its certificates are megabytes that an idle gateway can spare
