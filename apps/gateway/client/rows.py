"""A row of `batch`'s output: one picture's answer, as CSV or as JSON lines.

A row is complete when its line end is there: what a killed process left behind the last line end is half a row. In CSV
a line end within quotes belongs to a value, such as the name of a file.
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Protocol


class RowError(ValueError):
    """A record is no row of this form."""


@dataclass(frozen=True)
class Row:
    """What became of one picture.

    Attributes:
        file: its name, as `batch` was given it; below the folder with `/`.
        sha256: of the file's bytes, hexadecimal; empty where it could not be read.
        model: that was asked.
        version: of it.
        label: the likeliest; empty where there is an error.
        probability: of that label, 0..1.
        probabilities: all of them by label.
        error: why there is no answer; empty where there is one.
    """

    file: str
    sha256: str
    model: str
    version: int
    label: str = ""
    probability: float = 0.0
    probabilities: Mapping[str, float] = field(default_factory=dict)
    error: str = ""


NAMES = tuple(one.name for one in fields(Row))
_KINDS: Mapping[str, type | tuple[type, ...]] = {"version": int, "probability": (int, float), "probabilities": dict}


class Form(Protocol):
    """How rows are written; `header` is the first line, empty where there is none, and `start` how each row begins."""

    header: bytes
    start: bytes

    def write(self, row: Row) -> bytes:
        """Write a row with its line end."""

    def read(self, record: bytes) -> Row:
        """Read what `write` wrote. Raises: RowError."""

    def split(self, data: bytes) -> Iterator[bytes]:
        """Give the complete records with their line ends, the header's among them."""


class Csv:
    """Comma-separated values (RFC 4180, lines end in LF), with a header; `probabilities` is a JSON object."""

    header = f"{','.join(NAMES)}\n".encode()
    start = b'"'

    def write(self, row: Row) -> bytes:
        """Write a row with its line end."""
        text = io.StringIO()
        values: list[Any] = [getattr(row, name) for name in NAMES]
        values[NAMES.index("probabilities")] = json.dumps(dict(row.probabilities))
        # All in quotes: not every Python's csv quotes a lone carriage return.
        csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL).writerow(values)
        return _bytes(text.getvalue())

    def read(self, record: bytes) -> Row:
        """Read what `write` wrote. Raises: RowError."""
        try:
            (values,) = csv.reader(io.StringIO(_text(record), newline=""), strict=True)
            told = dict(zip(NAMES, values, strict=True))
            return _row(
                {
                    **told,
                    "version": int(told["version"]),
                    "probability": float(told["probability"]),
                    "probabilities": json.loads(told["probabilities"]),
                }
            )
        except (ValueError, csv.Error) as error:
            raise RowError(str(error)) from None

    def split(self, data: bytes) -> Iterator[bytes]:
        """Give the complete records; a quote within a value is doubled, so an even number of them closes all."""
        record, quotes = b"", 0
        for line in _lines(data):
            record += line
            quotes += line.count(b'"')
            if quotes % 2 == 0:
                yield record
                record = b""


class JsonLines:
    """One JSON object a line."""

    header = b""
    start = b'{"file": "'

    def write(self, row: Row) -> bytes:
        """Write a row with its line end."""
        told = {name: getattr(row, name) for name in NAMES}
        return f"{json.dumps({**told, 'probabilities': dict(row.probabilities)})}\n".encode()

    def read(self, record: bytes) -> Row:
        """Read what `write` wrote. Raises: RowError."""
        try:
            return _row(json.loads(record))
        except ValueError as error:
            raise RowError(str(error)) from None

    def split(self, data: bytes) -> Iterator[bytes]:
        """Give the complete lines."""
        return _lines(data)


FORMS: Mapping[str, Form] = {"csv": Csv(), "jsonl": JsonLines()}


def _lines(data: bytes) -> Iterator[bytes]:
    begin = 0
    while (end := data.find(b"\n", begin) + 1) > 0:
        yield data[begin:end]
        begin = end


def _row(told: Any) -> Row:
    if not isinstance(told, dict) or set(told) != set(NAMES):
        raise RowError(f"a row has {', '.join(NAMES)}")
    for one in fields(Row):
        if not isinstance(told[one.name], _KINDS.get(one.name, str)):
            raise RowError(f"{one.name} is of another kind")
    return Row(**told)


# File names of other encodings than UTF-8 pass as Python hands them out, byte by byte.
def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
