"""Read what a server answered over HTTP: its JSON, or the error that its status and its sentence stand for."""

import contextlib
import http.client
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from gateway.client.errors import ClientError, Mismatch, OutOfTime, PictureRefused, Refused, Unavailable

_SHOWN = 120
_OF_THE_PICTURE = {413, 415, 422}
_BAD_URL = ":bad-url"  # how the type of the gateway's problem ends, see gateway.problems


@dataclass(frozen=True)
class Answer:
    """A whole answer: HTTP status, headers and body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self, where: str) -> Any:
        """Read the body of a good answer. Raises: ClientError of any other status; Mismatch where it is no JSON."""
        if self.status != http.client.OK:
            raise failure(self, where)
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise Mismatch(f"{where}: the answer is no JSON: {self.body[:_SHOWN]!r}") from None


def failure(answer: Answer, where: str) -> ClientError:
    """Choose the error of an answer by its status, with the server's own sentence."""
    status, words, type_ = answer.status, *words_of(answer.body)
    text = f"{where}: {words}" if words else f"{where}: status {status}"
    if status in (429, 503):
        return Unavailable(text, _retry_after_s(answer.headers.get("retry-after", "")))
    if status == http.client.GATEWAY_TIMEOUT:
        return OutOfTime(text)
    if status == http.client.UNAUTHORIZED:
        return Refused(f"{text} (--key-file names the file of an API key)", status, type_)
    if status in _OF_THE_PICTURE or type_.endswith(_BAD_URL):
        return PictureRefused(words or text, status, type_)
    if 400 <= status < 500:  # noqa: PLR2004 - HTTP's client errors
        return Refused(text, status, type_)
    return Mismatch(f"{where}: status {status}: {words}")


def words_of(body: bytes) -> tuple[str, str]:
    """Give the server's sentence (RFC 9457's, or TensorFlow Serving's `error`) and the problem's type."""
    try:
        document = json.loads(body)
        words = document.get("detail") or document["error"]
        return str(words), str(document.get("type", ""))
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
        return body[:_SHOWN].decode(errors="replace"), ""


def _retry_after_s(value: str) -> float:
    """Read Retry-After (RFC 9110, 10.2.3), seconds or a date; 0 for what is neither."""
    if value.isascii() and value.isdigit():
        return float(value[:9])
    with contextlib.suppress(ValueError, TypeError, OverflowError):
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    return 0.0
