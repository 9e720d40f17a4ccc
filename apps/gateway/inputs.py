"""Read the pictures out of a request: JSON, multipart or a raw body."""

import binascii
from dataclasses import dataclass
from io import BytesIO
from typing import IO, Any

import flask
import numpy as np
import numpy.typing as npt

from gateway.json_body import read_json
from gateway.problems import BAD_REQUEST, NOT_A_PICTURE, TOO_LARGE, Problem

_SHOWN = 40
SPARE_FORM_PARTS = 16  # a form's fields that are no pictures: browsers and frameworks add some


@dataclass(frozen=True)
class Link:
    """A picture that is to be fetched."""

    url: str


Pixels = npt.NDArray[np.uint8]  # [H, W, 3], RGB, of the size that a model takes

# What one instance is: a picture's bytes, where to fetch it, its pixels, or what is wrong with the instance.
Instance = bytes | Link | Pixels | Problem


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
    refuse_coding(request)
    kind = request.mimetype
    if is_json(request):
        document = read_json(body)
        return [_instance(document)] if single else _instances(document)
    if kind == "multipart/form-data":
        return _files(request)
    if kind.startswith("image/") or kind == "application/octet-stream":
        if not body:
            raise Problem(BAD_REQUEST, "The request has no body.")
        return [body]
    raise Problem(
        NOT_A_PICTURE,
        "Send application/json, multipart/form-data with a field 'file', or a picture as image/*; "
        f"not {kind[:_SHOWN] or 'a body without Content-Type'}.",
    )


def refuse_coding(request: Request) -> None:
    """Refuse a body that is not what it seems. Raises: Problem (415)."""
    coding = request.headers.get("Content-Encoding", "identity")
    if coding.lower() not in ("", "identity"):
        raise Problem(NOT_A_PICTURE, f"The body is coded as {coding[:_SHOWN]}; send it as it is.")


def is_json(request: Request) -> bool:
    """Tell whether the body is declared to be JSON. Raises: Problem (415) for JSON of another charset than UTF-8."""
    if not (request.mimetype == "application/json" or request.mimetype.endswith("+json")):
        return False
    charset = request.mimetype_params.get("charset", "utf-8")
    if charset.lower() not in ("utf-8", "utf8", "us-ascii"):
        raise Problem(NOT_A_PICTURE, f"JSON is UTF-8; not {charset[:_SHOWN]}.")
    return True


def _files(request: Request) -> list[Instance]:
    try:
        files = request.files.getlist("file")
    except ValueError:
        raise Problem(BAD_REQUEST, "The form is broken.") from None
    if not files:
        raise Problem(BAD_REQUEST, "The form has no file in a field named 'file'.")
    return [file.read() for file in files]


def _instances(document: Any) -> list[Instance]:
    if not isinstance(document, dict) or not isinstance(instances := document.get("instances"), list):
        raise Problem(BAD_REQUEST, 'The JSON must be {"instances": [{"url": ...} or {"b64": ...}, ...]}.')
    # TensorFlow Serving's clients name the signature; there is only this one.
    if document.get("signature_name", "serving_default") != "serving_default":
        raise Problem(BAD_REQUEST, "The only signature_name is 'serving_default'.")
    if unknown := document.keys() - {"instances", "signature_name"}:
        raise Problem(BAD_REQUEST, f"The JSON holds {min(unknown)[:_SHOWN]!r}, which means nothing here.")
    return [_instance(instance) for instance in instances]


def _instance(document: Any) -> Instance:
    if isinstance(document, dict) and len(document) == 1:
        if isinstance(url := document.get("url"), str):
            return Link(url)
        if isinstance(text := document.get("b64"), str):
            return _decoded(text)
    return Problem(BAD_REQUEST, 'A picture is {"url": "https://..."} or {"b64": "..."}.')


def _decoded(text: str) -> Instance:
    if text.startswith("data:"):  # what a browser's FileReader gives
        kind, _, text = text.partition(",")
        if not kind.endswith(";base64"):
            return Problem(BAD_REQUEST, "The picture's data URL is not base64.")
    try:
        # What base64.b64decode does, but for its copy of the text.
        return binascii.a2b_base64("".join(text.split()), strict_mode=True)
    except ValueError:
        return Problem(BAD_REQUEST, "The picture's b64 is not base64.")
