"""Read the pictures out of a request: JSON, multipart or a raw body."""

import base64
import json
from dataclasses import dataclass
from io import BytesIO
from typing import IO, Any

import flask
from werkzeug.exceptions import RequestEntityTooLarge

from gateway.problems import BAD_REQUEST, NOT_A_PICTURE, SLOW_REQUEST, TOO_LARGE, Problem
from serving_api.deadline import Deadline

_CHUNK_BYTES = 65536
# A client that is still sending sees a reset, not the answer: so a body is heard out before it is refused as too large.
_HEARD_OUT_BYTES = 64 * 2**20
_SHOWN = 40


@dataclass(frozen=True)
class Link:
    """A picture that is to be fetched."""

    url: str


# What one instance is: a picture's bytes, where to fetch it, or what is wrong with the instance.
Instance = bytes | Link | Problem


class Request(flask.Request):
    """Keep uploads in memory (the root file system is read-only) and read a body within a deadline."""

    def _get_file_stream(self, *_args: Any, **_kwargs: Any) -> IO[bytes]:
        return BytesIO()

    def read_body(self, deadline: Deadline) -> bytes:
        """Read the whole body; `files` finds it afterwards.

        Raises: Problem (408) when the client is too slow; RequestEntityTooLarge (413).
        """
        body = bytearray()
        limit = self.max_content_length or 0
        too_large = (self.content_length or 0) > limit
        stream = self.environ["wsgi.input"] if too_large else self.stream
        remaining = min(self.content_length or 0, _HEARD_OUT_BYTES) if too_large else limit + 1
        while remaining > 0:
            self._limit_wait(deadline)
            try:
                chunk = stream.read(min(_CHUNK_BYTES, remaining))
            except TimeoutError:
                chunk = b""
            if deadline.expired:
                raise Problem(SLOW_REQUEST, "The request's body did not arrive in time.")
            if not chunk:
                break
            remaining -= len(chunk)
            if not too_large:
                body += chunk
        if too_large:
            raise RequestEntityTooLarge
        self._cached_data = bytes(body)  # where werkzeug's form parser looks first
        return self._cached_data

    def _limit_wait(self, deadline: Deadline) -> None:
        if connection := self.environ.get("gunicorn.socket"):
            connection.settimeout(max(deadline.remaining_s(), 0.001))


def read_instances(request: Request, deadline: Deadline, max_instances: int) -> list[Instance]:
    """Read the instances of a `:predict` request, in order.

    Raises: Problem, where the request as a whole makes no sense.
    """
    instances = _read(request, deadline, single=False)
    if not instances:
        raise Problem(BAD_REQUEST, "The request holds no instances.")
    if len(instances) > max_instances:
        raise Problem(TOO_LARGE, f"The request holds {len(instances)} instances; at most {max_instances} are accepted.")
    return instances


def read_single(request: Request, deadline: Deadline) -> Instance:
    """Read the one picture of a `/predict` request. Raises: Problem."""
    instances = _read(request, deadline, single=True)
    if len(instances) != 1:
        raise Problem(BAD_REQUEST, f"One picture is expected here, but there are {len(instances)}.")
    return instances[0]


def _read(request: Request, deadline: Deadline, *, single: bool) -> list[Instance]:
    body = request.read_body(deadline)
    kind = request.mimetype
    if kind == "application/json" or kind.endswith("+json"):
        document = _json(body)
        return [_instance(document)] if single else _instances(document)
    if kind == "multipart/form-data":
        files = request.files.getlist("file")
        if not files:
            raise Problem(BAD_REQUEST, "The form has no file in a field named 'file'.")
        return [file.read() for file in files]
    if kind.startswith("image/") or kind == "application/octet-stream":
        if not body:
            raise Problem(BAD_REQUEST, "The request has no body.")
        return [body]
    raise Problem(
        NOT_A_PICTURE,
        "Send application/json, multipart/form-data with a field 'file', or a picture as image/*; "
        f"not {kind[:_SHOWN] or 'a body without Content-Type'}.",
    )


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise Problem(BAD_REQUEST, "The request's body is not JSON.") from None


def _instances(document: Any) -> list[Instance]:
    instances = document.get("instances") if isinstance(document, dict) else None
    if not isinstance(instances, list):
        raise Problem(BAD_REQUEST, 'The JSON must be {"instances": [{"url": ...} or {"b64": ...}, ...]}.')
    return [_instance(instance) for instance in instances]


def _instance(document: Any) -> Instance:
    wrong = Problem(BAD_REQUEST, 'A picture is {"url": "https://..."} or {"b64": "..."}.')
    if not isinstance(document, dict) or len(document.keys() & {"url", "b64"}) != 1:
        return wrong
    if isinstance(url := document.get("url"), str):
        return Link(url)
    return _decoded(text) if isinstance(text := document.get("b64"), str) else wrong


def _decoded(text: str) -> Instance:
    if text.startswith("data:"):  # what a browser's FileReader gives
        text = text.partition(",")[2]
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except ValueError:
        return Problem(BAD_REQUEST, "The picture's b64 is not base64.")
