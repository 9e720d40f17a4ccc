"""Read JSON strictly: what parsers disagree about, or what costs far more memory than it has bytes, is refused.

RFC 8259 in UTF-8 and nothing beyond it: no NaN, no number beyond float64, no lone surrogate (RFC 7493, section 2.1), no
member twice (section 2.3). A byte order mark is ignored, as RFC 8259 allows.

Sixteen MiB of `[],` are five million lists of 80 bytes each: so values are counted before they are made.
"""

import json
import math
from collections.abc import Iterable
from typing import Any

from gateway.problems import BAD_REQUEST, TOO_LARGE, Problem

MAX_DEPTH = 16
MAX_VALUES = 100_000  # of a request that holds no tensor: commas in a URL count too
_MAX_OBJECTS = 10_000
_MAX_TEXTS = 100_000


class _RefusedError(ValueError):
    """Report JSON that other parsers may accept; the message is for people."""


def read_json(body: bytes, max_values: int = MAX_VALUES) -> Any:
    """Read a JSON text.

    Args:
        body: UTF-8.
        max_values: the most commas and brackets, which bound the number of values.
    Raises: Problem (400, or 413 for too many values).
    """
    if (
        body.count(b",") + body.count(b"[") > max_values
        or body.count(b"{") > _MAX_OBJECTS
        or body.count(b'"') > 2 * _MAX_TEXTS
    ):
        raise Problem(TOO_LARGE, "The request's JSON holds more values than are accepted.")
    try:
        text = body.decode("utf-8-sig")
        document = json.loads(text, object_pairs_hook=_members, parse_constant=_no_constant)
        _check(document)
    except _RefusedError as error:
        raise Problem(BAD_REQUEST, str(error)) from None
    except RecursionError:
        raise Problem(BAD_REQUEST, _TOO_DEEP) from None
    except ValueError:  # json's and UTF-8's errors, and integers of thousands of digits
        raise Problem(BAD_REQUEST, "The request's body is not JSON.") from None
    return document


_TOO_DEEP = f"The request's JSON is nested deeper than {MAX_DEPTH} levels."


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise _RefusedError("The request's JSON has a member twice in one object.")
    _check_texts(members)
    return members


def _no_constant(name: str) -> Any:
    raise _RefusedError(f"The request's JSON holds {name}, which JSON does not have.")


def _check(document: Any) -> None:
    """Refuse what json lets pass, level by level; most of a level is looked at by C code."""
    level = [document]
    for _ in range(MAX_DEPTH + 1):
        kinds = set(map(type, level))
        if str in kinds:
            _check_texts(value for value in level if type(value) is str)
        if float in kinds and not all(map(math.isfinite, (value for value in level if type(value) is float))):
            raise _RefusedError("The request's JSON holds a number that is too large.")
        if not kinds & {list, dict}:
            return
        inner: list[Any] = []
        for value in level:
            if type(value) is list:
                inner += value
            elif type(value) is dict:
                inner += value.values()
        level = inner
    raise _RefusedError(_TOO_DEEP)


def _check_texts(texts: Iterable[str]) -> None:
    for text in texts:
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError:
                raise _RefusedError("The request's JSON holds half of a surrogate pair.") from None
