"""The file that `batch` writes: rows are added whole, and a run that was killed at any moment can be gone on with.

A row is one write at the end of the file, so a killed process leaves complete rows and at most one half of one, which
the next run cuts off. Rows that are to be dropped are dropped by a new file that takes the old one's place. One process
at a time has the file.
"""

import fcntl
import os
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Self

from gateway.client.errors import UsageError
from gateway.client.rows import Form, Row, RowError

_SYNC_S = 1.0  # what a machine that loses power may forget


class ResultsFile:
    """Rows by file, and the way to add more; a context manager.

    Args:
        path: made where it is not there.
        form: CSV or JSON lines.
        restart: forget what it holds.

    Attributes:
        rows: what it holds, by `Row.file`.
        torn_bytes: the half row that was cut off.

    Raises: UsageError where it cannot be written, belongs to another process, or is none of `batch`'s.
    """

    def __init__(self, path: Path, form: Form, *, restart: bool = False) -> None:
        self._path = path
        self._form = form
        self._descriptor = self._open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        self._synced_s = time.monotonic()
        self.torn_bytes = 0
        try:
            if restart:
                os.ftruncate(self._descriptor, 0)
            self.rows = self._read()
        except BaseException:
            os.close(self._descriptor)
            raise

    def add(self, row: Row) -> None:
        """Add a row for a file that has none. Raises: UsageError where it cannot be written."""
        if row.file in self.rows:
            raise ValueError(f"{row.file} has a row")
        self._write(self._descriptor, self._form.write(row))
        self.rows[row.file] = row
        if time.monotonic() - self._synced_s > _SYNC_S:
            os.fsync(self._descriptor)
            self._synced_s = time.monotonic()

    def drop(self, files: Collection[str]) -> None:
        """Drop these files' rows; either all of them are gone afterwards or, where this is killed, none."""
        kept = {file: row for file, row in self.rows.items() if file not in files}
        if len(kept) == len(self.rows):
            return
        part = self._path.with_name(f".{self._path.name}.part")
        # Locked before it has the name by which others look.
        descriptor = self._open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
        try:
            self._write(descriptor, self._form.header + b"".join(map(self._form.write, kept.values())))
            os.fsync(descriptor)
            part.replace(self._path)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(self._descriptor)
        self._descriptor, self.rows = descriptor, kept

    def close(self) -> None:
        """Bring everything to the disk and let the file go."""
        os.fsync(self._descriptor)
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        """Give the file."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def _open(self, path: Path, flags: int) -> int:
        try:
            descriptor = os.open(path, flags | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise UsageError(f"{path}: {error.strerror}") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), path.stat()):  # else `drop` of another process came between
                return descriptor
        except OSError:
            pass
        os.close(descriptor)
        raise UsageError(f"{path}: another process is writing it")

    def _read(self) -> dict[str, Row]:
        with os.fdopen(os.dup(self._descriptor), "rb") as file:
            data = file.read()
        records = list(self._form.split(data))
        whole = sum(map(len, records))
        self._check_ours(records, data[whole:])
        rows: dict[str, Row] = {}
        for number, record in enumerate(records[1:] if self._form.header else records, 1):
            try:
                row = self._form.read(record)
            except RowError as error:
                raise UsageError(f"{self._path}: row {number} cannot be read: {error}; --restart begins anew") from None
            if row.file in rows:
                raise UsageError(f"{self._path}: row {number}: {row.file} is there twice; --restart begins anew")
            rows[row.file] = row
        self.torn_bytes = len(data) - whole
        os.ftruncate(self._descriptor, whole)
        if not records:
            self._write(self._descriptor, self._form.header)
        return rows

    def _check_ours(self, records: Sequence[bytes], tail: bytes) -> None:
        """Refuse a file that something else has written, rather than cut half a row off it."""
        header, start = self._form.header, self._form.start
        if header and not records:
            start = header
        if (header and records and records[0] != header) or tail[: len(start)] != start[: len(tail)]:
            raise UsageError(f"{self._path}: is no output of batch in this form; choose another name")

    def _write(self, descriptor: int, data: bytes) -> None:
        try:
            while data:
                data = data[os.write(descriptor, data) :]
        except OSError as error:
            raise UsageError(f"{self._path}: {error.strerror}; once that is mended, the same command goes on") from None
