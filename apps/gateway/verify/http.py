"""Ask a gateway over HTTP: one request a connection, no proxy, a deadline."""

import http.client
import json
from collections.abc import Mapping
from typing import Any

from gateway.verify.checks import Red
from serving_api.deadline import Deadline

_MAX_BYTES = 16 * 2**20
_SHOWN = 120


class Http:
    """A gateway at `address`, host and port, with an API key where there is one; calls raise Red and nothing else."""

    def __init__(self, address: str, deadline: Deadline, key: str = "") -> None:
        self._address = address.removeprefix("http://").rstrip("/")
        self._deadline = deadline
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}

    def get(self, path: str) -> tuple[bytes, str]:
        """GET: body and content type of an answer with status 200."""
        return self._call("GET", path, None, {})

    def get_json(self, path: str) -> Any:
        """GET JSON."""
        return _json(path, self.get(path)[0])

    def post(self, path: str, body: bytes, kind: str) -> Any:
        """POST, and read JSON."""
        return _json(path, self._call("POST", path, body, {"Content-Type": kind})[0])

    def _call(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> tuple[bytes, str]:
        timeout_s = self._deadline.remaining_s()
        if timeout_s <= 0.0:
            raise Red(f"{path}: no answer in time")
        try:
            connection = http.client.HTTPConnection(self._address, timeout=timeout_s)
            try:
                connection.request(method, path, body, {**self._headers, **headers})
                response = connection.getresponse()
                data, kind = response.read(_MAX_BYTES), response.headers.get_content_type()
            finally:
                connection.close()
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Red(f"{path}: {error.strerror or error if isinstance(error, OSError) else repr(error)}") from None
        if response.status != http.client.OK:
            raise Red(f"{path}: status {response.status}: {_detail(data)}")
        return data, kind


def _json(path: str, data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        raise Red(f"{path}: the answer is no JSON: {data[:_SHOWN]!r}") from None


def _detail(data: bytes) -> str:
    """Give a problem's own sentence, or the beginning of whatever came."""
    try:
        return str(json.loads(data)["detail"])
    except (ValueError, KeyError, TypeError):
        return repr(data[:_SHOWN])
