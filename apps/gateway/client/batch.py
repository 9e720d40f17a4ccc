"""`batch`: classify many picture files into a table, and go on where a run before was stopped or killed."""

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gateway.client.client import Client
from gateway.client.errors import ClientError, Mismatch, OutOfTime, PictureRefused, Refused, Unavailable, UsageError
from gateway.client.results_file import ResultsFile
from gateway.client.rows import Row
from gateway.client.side_by_side import side_by_side

# So many pictures without an answer, one after the other, are not the pictures' fault.
_GIVE_UP = 5


@dataclass(frozen=True)
class Which:
    """The version that is to answer; None: not said."""

    model: str = ""
    version: int | None = None
    label: str | None = None


@dataclass
class Tally:
    """What a run did: files by what became of them, and the last reason why one got no answer."""

    counts: Counter[str] = field(default_factory=Counter)
    reason: ClientError | None = None


Say = Callable[[str], None]


def settle(results: ResultsFile, which: Which, client: Client, say: Say) -> tuple[str, int]:
    """Decide which version answers, once for the whole table: all of its rows are of one.

    A table that was begun is gone on with by its own version, also where there is a newer one by now.

    Returns: model and version.
    Raises: UsageError where the table was begun with another one than is asked for, or that one is gone; ClientError.
    """
    begun = {(row.model, row.version) for row in results.rows.values()}
    if not begun:
        answering = client.describe(which.model, version=which.version, label=which.label)
        if not answering.version:
            raise Unavailable(f"{answering.name} is {answering.state}")
        return answering.name, answering.version
    if len(begun) > 1:
        raise UsageError(f"the table holds rows of {_listed(begun)}: --restart begins anew")
    ((model, version),) = begun
    if which.model not in ("", model) or which.version not in (None, version):
        raise UsageError(f"the table was begun with {_listed(begun)}: choose another name, or --restart begins anew")
    try:
        client.describe(model, version=version)
    except Refused as error:
        raise UsageError(
            f"the table was begun with {_listed(begun)}, which is not there any more ({error}): --restart begins anew"
        ) from None
    newest = version if which.version is not None else client.describe(model, label=which.label).version
    if newest != version and which.label is not None:
        raise UsageError(f"{which.label!r} is version {newest}, but the table was begun with {_listed(begun)}")
    if newest != version:
        say(f"goes on with {_listed(begun)}, as the table was begun; version {newest} is there too (--restart)")
    return model, version


def changed(results: ResultsFile, files: Mapping[str, Path]) -> set[str]:
    """Name the files that have a row, and other bytes than when it was written."""
    return {name for name, path in files.items() if name in results.rows and _hash(path) != results.rows[name].sha256}


def run(
    results: ResultsFile,
    files: Mapping[str, Path],
    classify: Callable[[str, Path], Row],
    workers: int,
    step: Callable[[], object],
) -> Tally:
    """Classify the files that have no row.

    A picture that is refused gets a row that says so. One that got no answer gets none, so that the next run asks
    again; after five of them in a row this one gives up.

    Args:
        results: gets the rows, in the order in which answers come.
        files: by name.
        classify: makes a row of one.
        workers: files at a time.
        step: is called after each file.
    Returns: what became of the files. Raises: ClientError for what would be so for every file.
    """
    tally, in_a_row = Tally(), 0
    missing: Iterable[tuple[str, Path]] = [one for one in files.items() if one[0] not in results.rows]
    for _, row in side_by_side(lambda one: classify(*one), missing, workers):
        match row:
            case Row():
                results.add(row)
                tally.counts["refused" if row.error else "answered"] += 1
                in_a_row = 0
            case Unavailable() | OutOfTime() | Mismatch() if in_a_row + 1 < _GIVE_UP:
                tally.counts["without an answer"] += 1
                tally.reason = row
                in_a_row += 1
            case _:
                raise row
        step()
    return tally


def classify_by(client: Client, model: str, version: int) -> Callable[[str, Path], Row]:
    """Make the function that makes a row of a file."""

    def classify(name: str, path: Path) -> Row:
        try:
            data = path.read_bytes()
        except OSError as error:
            return Row(name, "", model, version, error=error.strerror or "cannot be read")
        digest = hashlib.sha256(data).hexdigest()
        try:
            found = client.classify(data, model, version=version)
        except PictureRefused as error:
            return Row(name, digest, model, version, error=str(error))
        if found.version != version:
            raise Mismatch(f"version {found.version} answered for version {version} of {model}")
        return Row(name, digest, model, version, found.label, found.probability, found.probabilities)

    return classify


def summary(rows: Mapping[str, Row], tally: Tally, began_s: float, path: Path) -> str:
    """Sum a run up in one line."""
    errors = sum(bool(row.error) for row in rows.values())
    done = ", ".join(f"{number} {words}" for words, number in tally.counts.items()) or "nothing was left to do"
    table = f"{path}: {len(rows)} rows, {errors} of them errors"
    return f"{done}, in {time.monotonic() - began_s:.1f} s; {table}"


def _hash(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def _listed(versions: Iterable[tuple[str, int]]) -> str:
    return " and ".join(f"{model} version {version}" for model, version in sorted(versions))
