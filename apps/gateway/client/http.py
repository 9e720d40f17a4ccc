"""Ask a server over HTTP: kept connections, a deadline for the whole exchange, no proxy, no redirect.

A key goes to the one server that it is meant for: a redirect is not followed, and the environment's proxy is not asked.
"""

import contextlib
import http.client
import json
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from gateway.client.answers import Answer
from gateway.client.errors import Mismatch, OutOfTime, Unavailable, UsageError
from serving_api.deadline import Deadline

CONNECT_TIMEOUT_S = 5.0  # a host that is switched off does not refuse, it is silent
MAX_ANSWER_BYTES = 64 * 2**20
_PIECE_BYTES = 64 * 1024
_JSON = "application/json"


@dataclass(frozen=True)
class _Request:
    method: str
    path: str
    body: bytes | None
    headers: dict[str, str]


class Http:
    """A server at an address; safe to use from many threads.

    Args:
        address: `http://host:port` or `https://host`, also with a path before all others; `host:port` means http.
        key: of the gateway's API; empty where none is asked for.
        ca_file: certificates (PEM) by which the server is known; empty: the system's.
    Raises: UsageError for an address or file that cannot be used.
    """

    def __init__(self, address: str, key: str = "", ca_file: str = "") -> None:
        try:
            parts = urlsplit(address if "://" in address else f"http://{address}")
            self._host, self._port = parts.hostname or "", parts.port
        except ValueError:
            raise UsageError(f"{address!r} is no address") from None
        if parts.scheme not in ("http", "https") or not self._host or "@" in parts.netloc or parts.query:
            raise UsageError(f"{address!r} is no address: http://host:port")
        self.address = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
        self._path = parts.path.rstrip("/")
        self._tls = _trust(ca_file) if parts.scheme == "https" else None
        self._key = {"Authorization": f"Bearer {key}"} if key else {}
        self._idle: list[http.client.HTTPConnection] = []
        self._lock = threading.Lock()

    def get(self, path: str, deadline: Deadline) -> Any:
        """GET JSON. Raises: ClientError."""
        return self.exchange("GET", path, deadline).json(f"{self.address}{path}")

    def post(self, path: str, document: object, deadline: Deadline) -> Any:
        """POST JSON and read JSON. Raises: ClientError."""
        body = json.dumps(document).encode()
        answer = self.exchange("POST", path, deadline, body, {"Content-Type": _JSON})
        return answer.json(f"{self.address}{path}")

    def exchange(
        self,
        method: str,
        path: str,
        deadline: Deadline,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request and read its answer, of whatever status.

        Raises: Unavailable where there is no connection or it breaks; OutOfTime; Mismatch for what is no HTTP.
        """
        request = _Request(method, f"{self._path}{path}", body, {**self._key, **(headers or {})})
        connection = self._take()
        try:
            if connection is not None:
                # The server may have hung up on a connection that was kept: that says nothing about the server.
                with contextlib.suppress(ConnectionError, http.client.BadStatusLine):
                    return self._ask(connection, request, deadline)
            return self._ask(self._connect(deadline), request, deadline)
        except TimeoutError:
            if deadline.expired:
                raise OutOfTime(f"{self.address} gave no answer in time") from None
            raise Unavailable(f"{self.address} cannot be reached: no connection in time") from None
        except ssl.SSLCertVerificationError as error:
            raise UsageError(f"{self.address}: its certificate is not trusted: {error.verify_message}") from None
        except http.client.RemoteDisconnected:
            raise Unavailable(f"{self.address} hung up") from None
        except http.client.IncompleteRead:
            raise Unavailable(f"{self.address} hung up within its answer") from None
        except OSError as error:
            raise Unavailable(f"{self.address} cannot be reached: {error.strerror or error}") from None
        except (http.client.HTTPException, ValueError) as error:
            raise Mismatch(f"{self.address} does not answer in HTTP: {error!r}") from None

    def close(self) -> None:
        """Close the connections that nobody uses."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self) -> http.client.HTTPConnection | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _connect(self, deadline: Deadline) -> http.client.HTTPConnection:
        timeout_s = max(0.001, min(CONNECT_TIMEOUT_S, deadline.remaining_s()))
        if self._tls is not None:
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                self._host, self._port, timeout=timeout_s, context=self._tls
            )
        else:
            connection = http.client.HTTPConnection(self._host, self._port, timeout=timeout_s)
        connection.connect()
        return connection

    def _ask(self, connection: http.client.HTTPConnection, request: _Request, deadline: Deadline) -> Answer:
        kept = False
        try:
            _limit(connection, deadline)
            # A server may refuse before it has read everything, and says why.
            with contextlib.suppress(BrokenPipeError):
                connection.request(request.method, request.path, request.body, request.headers)
            _limit(connection, deadline)
            response = connection.getresponse()
            data = _read(connection, response, deadline)
            kept = not response.will_close
            return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, data)
        finally:
            if kept:
                with self._lock:
                    self._idle.append(connection)
            else:
                connection.close()


def _limit(connection: http.client.HTTPConnection, deadline: Deadline) -> None:
    """Let the next wait last no longer than there is time."""
    remaining_s = deadline.remaining_s()
    if remaining_s <= 0.0:
        raise TimeoutError
    connection.sock.settimeout(remaining_s)


def _read(connection: http.client.HTTPConnection, response: http.client.HTTPResponse, deadline: Deadline) -> bytes:
    """Read piece by piece, so that a server that drips cannot outlast the deadline."""
    pieces: list[bytes] = []
    size, length = 0, response.length
    while length is None or size < length:
        if connection.sock is not None:  # it has been let go where the answer ends with the connection
            _limit(connection, deadline)
        elif deadline.expired:
            raise TimeoutError
        piece = response.read1(_PIECE_BYTES)
        if not piece:
            break
        pieces.append(piece)
        size += len(piece)
        if size > MAX_ANSWER_BYTES:
            raise http.client.HTTPException(f"an answer of more than {MAX_ANSWER_BYTES} bytes")
    if length is not None and size < length:
        raise http.client.IncompleteRead(b"", length - size)
    response.close()  # so that the connection may be used again: not every Python's read1 sees the end
    return b"".join(pieces)


def _trust(ca_file: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except ssl.SSLError:
        raise UsageError(f"{ca_file}: holds no certificate in PEM") from None
    except OSError as error:
        raise UsageError(f"{ca_file}: {error.strerror}") from None
