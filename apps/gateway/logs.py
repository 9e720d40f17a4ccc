"""Write the log to stderr: a JSON object a line for machines, or text for people.

A line holds no key and no URL's password or query, which may be a signature that opens somebody's bucket; and nobody
but the gateway makes a line: what a caller sent is escaped and cut to a length.
"""

import json
import logging
import re
import secrets
import sys
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from gateway.keys import KEY

_LONGEST_TEXT = 8192  # characters of a message; a traceback has its end kept, where the reason is
_URL = re.compile(r"(https?://)(?:[^\s/?#\"'<>@]*@)?([^\s?#\"'<>]*)(?:[?#][^\s\"'<>]*)?", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# https://www.w3.org/TR/trace-context/#traceparent-header: a later version may append to what version 00 has.
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")

_request: ContextVar[Mapping[str, str]] = ContextVar("request", default={})  # noqa: B039 - never changed in place


def trace_id_of(traceparent: str) -> str:
    """Give the trace that a request belongs to by its header; a new one where there is none, or none that is valid."""
    found = _TRACEPARENT.fullmatch(traceparent)
    if found is None or (traceparent.startswith("00") and found[2]):
        return secrets.token_hex(16)
    return found[1]


def enter(request_id: str, trace_id: str) -> None:
    """Let what this thread logs from now on carry a request's ids, until `leave`."""
    _request.set({"request_id": request_id, "trace_id": trace_id})


def leave() -> None:
    """End what `enter` began."""
    _request.set({})


def configure(form: str, level: str) -> None:
    """Send everything that is logged to stderr. Called once, by the program and not by the application.

    Args:
        form: `json` or `text`.
        level: of the least that is written: debug, info, warning, error.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.raiseExceptions = False  # a reader that is gone is no reason to write about it
    logging.captureWarnings(capture=True)


class JsonFormatter(logging.Formatter):
    """One JSON object: time, level, logger, message, the request's ids, and the fields of `extra={"fields": ...}`."""

    def format(self, record: logging.LogRecord) -> str:
        """See logging.Formatter."""
        line: dict[str, Any] = {
            "time": _time(record).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": clean(record.getMessage()),
            **_request.get(),
            **{name: clean(value) if isinstance(value, str) else value for name, value in _fields(record)},
        }
        if record.exc_info:
            line["exception"] = _cut_front(clean_lines(self.formatException(record.exc_info)))
        return json.dumps(line, separators=(",", ":"))  # in ASCII: nothing that a terminal would act upon


class TextFormatter(logging.Formatter):
    """Time, level, message, fields; a traceback below, indented so that it cannot be taken for another line."""

    def format(self, record: logging.LogRecord) -> str:
        """See logging.Formatter."""
        fields = {**dict(_fields(record)), **_request.get()}
        words = " ".join(f"{name}={escape(clean(str(value)))}" for name, value in fields.items() if value != "")
        time = _time(record).astimezone().strftime("%H:%M:%S")
        line = f"{time} {record.levelname.lower():7} {escape(clean(record.getMessage()))}  {words}".rstrip()
        if record.exc_info:
            trace = _cut_front(clean_lines(self.formatException(record.exc_info)))
            line += "".join(f"\n    {escape(part)}" for part in trace.splitlines())
        return line


def clean(text: str) -> str:
    """Cut a text to its beginning, and keys, passwords, queries and fragments out of it."""
    return clean_lines(text[:_LONGEST_TEXT])


def clean_lines(text: str) -> str:
    """Cut keys, and URLs' passwords, queries and fragments, out of a text."""
    return KEY.sub("ic_...", _URL.sub(r"\1\2", text))


def escape(text: str) -> str:
    """Write characters that end a line, move a cursor or turn the direction of writing as escapes."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def _cut_front(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else f"...{text[-_LONGEST_TEXT:]}"


def _time(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)


def _fields(record: logging.LogRecord) -> Iterator[tuple[str, Any]]:
    yield from getattr(record, "fields", {}).items()
