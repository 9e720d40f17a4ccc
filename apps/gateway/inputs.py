"""Read the pictures out of a request: JSON, multipart or a raw body."""

import base64
import json
from dataclasses import dataclass
from io import BytesIO
from typing import IO, Any

import flask

from gateway.problems import BAD_REQUEST, NOT_A_PICTURE, TOO_LARGE, Problem

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

    def read_body(self) -> bytes:
        """Give the whole body, which gateway.front has read; `files` finds it afterwards.

        Raises: RequestEntityTooLarge (413).
        """
        return self.get_data()


def read_instances(request: Request, max_instances: int) -> list[Instance]:
    """Read the instances of a `:predict` request, in order.

    Raises: Problem, where the request as a whole makes no sense.
    """
    instances = _read(request, single=False)
    if not instances:
        raise Problem(BAD_REQUEST, "The request holds no instances.")
    if len(instances) > max_instances:
        raise Problem(TOO_LARGE, f"The request holds {len(instances)} instances; at most {max_instances} are accepted.")
    return instances


def read_single(request: Request) -> Instance:
    """Read the one picture of a `/predict` request. Raises: Problem."""
    instances = _read(request, single=True)
    if len(instances) != 1:
        raise Problem(BAD_REQUEST, f"One picture is expected here, but there are {len(instances)}.")
    return instances[0]


def _read(request: Request, *, single: bool) -> list[Instance]:
    body = request.read_body()
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
