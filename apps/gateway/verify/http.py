"""Ask a gateway over HTTP by the client's way, without its retries: what is red is asked again in the next round."""

import http.client
import json
from collections.abc import Mapping
from typing import Any

from gateway.client.answers import words_of
from gateway.client.errors import ClientError
from gateway.client.http import Http as Connection
from gateway.verify.checks import Red
from serving_api.deadline import Deadline

_SHOWN = 120
# One request a connection: behind a Service each may lead to another gateway.
_ALONE = {"Connection": "close"}


class Http:
    """A gateway at `address`, with an API key where there is one; everything raises Red and nothing else."""

    def __init__(self, address: str, deadline: Deadline, key: str = "") -> None:
        self._deadline = deadline
        try:
            self._gateway = Connection(address, key)
        except ClientError as error:
            raise Red(str(error)) from None

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
        try:
            answer = self._gateway.exchange(method, path, self._deadline, body, {**_ALONE, **headers})
        except ClientError as error:
            raise Red(f"{path}: {error}") from None
        if answer.status != http.client.OK:
            raise Red(f"{path}: status {answer.status}: {words_of(answer.body)[0]}")
        return answer.body, answer.headers.get("content-type", "").partition(";")[0].strip().lower()


def _json(path: str, data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        raise Red(f"{path}: the answer is no JSON: {data[:_SHOWN]!r}") from None
