"""Fetch a picture that a stranger names by URL, without becoming a way into the private network.

    FetchError (gateway.urls)
    |-- BadUrl         not an http(s) URL that is accepted, or its host is not public   HTTP 400
    |-- HostFailed     the picture's host cannot be reached or does not give it         HTTP 502
    |-- FetchTimeout   the time is up                                                   HTTP 504
    `-- FetchTooLarge  more bytes than accepted                                         HTTP 413

The address that is checked is the address that is connected to: the name is resolved here once, and the connection is
made to the result. A second look-up could answer differently (DNS rebinding). Each redirect starts anew. Proxies from
the environment are not used: `http.client` knows none.
"""

import contextlib
import functools
import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from urllib.parse import urljoin

from gateway.addresses import is_loopback, is_public
from gateway.urls import BadUrl, FetchError, Url, parse_url
from serving_api.deadline import Deadline

Resolver = Callable[[str, int], Sequence[str]]

_MAX_REDIRECTS = 3
_MAX_ADDRESSES = 4
_REDIRECTS = (301, 302, 303, 307, 308)
_CHUNK_BYTES = 65536
_OK = 200


class HostFailed(FetchError):  # noqa: N818 - what a reader of `except` wants to see
    """Report that the picture's host cannot be reached, or does not give the picture."""


class FetchTimeout(FetchError):  # noqa: N818
    """Report that the time for fetching is up."""


class FetchTooLarge(FetchError):  # noqa: N818
    """Report a body of more bytes than are accepted."""


def resolve(host: str, port: int) -> Sequence[str]:
    """Look a name up with the system's resolver and return its addresses. Raises: OSError."""
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in answers))


@dataclass(frozen=True)
class Fetcher:
    """Fetches pictures; safe to use from many threads.

    Args:
        max_bytes: the largest body that is accepted.
        allow_loopback: whether 127.0.0.0/8 and ::1 count as public: for development only.
        resolver: (host, port) -> addresses; tests inject theirs.
        tls: what server certificates are checked against; None: the system's authorities.
    """

    max_bytes: int
    allow_loopback: bool = False
    resolver: Resolver = resolve
    tls: ssl.SSLContext | None = None
    # getaddrinfo takes no timeout: it runs here and is left behind when the time is up.
    _lookups: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(4, "lookup"))

    def fetch(self, url: str, deadline: Deadline) -> bytes:
        """Return the bytes behind a URL, whatever type the host calls them.

        Raises: BadUrl, HostFailed, FetchTimeout, FetchTooLarge.
        """
        for _ in range(_MAX_REDIRECTS + 1):
            body, location = self._get(parse_url(url), deadline)
            if location is None:
                return body
            url = urljoin(url, location)
        raise HostFailed(f"The picture's host redirects more than {_MAX_REDIRECTS} times.")

    def _get(self, url: Url, deadline: Deadline) -> tuple[bytes, str | None]:
        """Make one request; return the body, or where it redirects to."""
        connection = self._connect(url, deadline)
        try:
            with _cut_off(connection, deadline):
                connection.request("GET", url.target, headers={"Accept": "image/*", "User-Agent": "image-gateway"})
                with connection.getresponse() as response:
                    if response.status in _REDIRECTS and (location := response.getheader("Location")):
                        return b"", location
                    if response.status != _OK:
                        raise HostFailed(f"The picture's host answered with status {response.status}.")
                    return self._body(response, deadline), None
        except (OSError, http.client.HTTPException, ValueError) as error:
            if deadline.expired:
                raise FetchTimeout("The picture's host did not send the picture in time.") from error
            raise HostFailed("The picture's host broke off or did not speak HTTP properly.") from error
        finally:
            connection.close()

    def _body(self, response: http.client.HTTPResponse, deadline: Deadline) -> bytes:
        too_large = FetchTooLarge(f"The picture behind the URL has more than {self.max_bytes} bytes.")
        if response.getheader("Content-Encoding", "identity").lower() != "identity":
            raise HostFailed("The picture's host compressed its answer without being asked to.")
        if response.length is not None and response.length > self.max_bytes:
            raise too_large
        body = bytearray()
        while chunk := response.read(_CHUNK_BYTES):
            body += chunk
            if len(body) > self.max_bytes:
                raise too_large
        if deadline.expired:  # a connection that was cut off looks like the end of a body without a length
            raise FetchTimeout("The picture's host did not send the picture in time.")
        if response.length:
            raise HostFailed("The picture's host broke off.")
        return bytes(body)

    def _connect(self, url: Url, deadline: Deadline) -> http.client.HTTPConnection:
        """Connect to a checked address of the URL's host, with TLS where the scheme says so."""
        for address in self._addresses(url, deadline)[:_MAX_ADDRESSES]:
            if deadline.expired:
                break
            try:
                plain = socket.create_connection((address, url.port), timeout=max(deadline.remaining_s(), 0.001))
            except OSError:
                continue
            return self._speak(url, plain, deadline)
        if deadline.expired:
            raise FetchTimeout("The picture's host cannot be reached in time.")
        raise HostFailed("The picture's host cannot be reached.")

    def _speak(self, url: Url, plain: socket.socket, deadline: Deadline) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection(url.host, url.port)  # writes the Host header; never connects itself
        connection.auto_open = 0
        # http.client leaves a scheme's own port out of Host only for its own default, 80.
        connection.default_port = url.default_port
        try:
            # Python counts a handshake against the socket's timeout as a whole.
            connection.sock = self._secure(plain, url.host) if url.is_tls else plain
        except (OSError, ValueError) as error:
            plain.close()
            if deadline.expired or isinstance(error, TimeoutError):
                raise FetchTimeout("The picture's host did not answer in time.") from error
            raise HostFailed("The picture's host has no valid TLS certificate for its name.") from error
        return connection

    def _secure(self, plain: socket.socket, host: str) -> ssl.SSLSocket:
        return (self.tls or _system_tls()).wrap_socket(plain, server_hostname=host)

    def _addresses(self, url: Url, deadline: Deadline) -> Sequence[str]:
        """Resolve the URL's host; one address that is not public spoils all."""
        lookup = self._lookups.submit(self.resolver, url.host, url.port)
        try:
            addresses = lookup.result(timeout=deadline.remaining_s())
        except TimeoutError:
            raise FetchTimeout("The name of the picture's host was not resolved in time.") from None
        except (OSError, UnicodeError):
            raise HostFailed("The name of the picture's host cannot be resolved.") from None
        for address in addresses:
            if not (is_public(address) or (self.allow_loopback and is_loopback(address))):
                raise BadUrl("The URL's host is not on the public internet.")
        return addresses


@functools.cache
def _system_tls() -> ssl.SSLContext:
    return ssl.create_default_context()  # on first use: its certificates are megabytes that an idle gateway can spare


@contextlib.contextmanager
def _cut_off(connection: http.client.HTTPConnection, deadline: Deadline) -> Iterator[None]:
    """Cut the connection off at the deadline: a socket's timeout begins anew with each byte that a slow host sends."""
    sock = connection.sock
    handle = socket.socket(sock.family, sock.type, sock.proto, fileno=socket.dup(sock.fileno()))  # no TLS to trip over
    sock.settimeout(max(deadline.remaining_s(), 0.001))
    timer = threading.Timer(deadline.remaining_s(), _shut, (handle,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        handle.close()


def _shut(handle: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the host was faster
        handle.shutdown(socket.SHUT_RDWR)
