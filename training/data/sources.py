"""Where pictures come from: a folder per class, train/validation/test folders of such folders, or a CSV file.

The splits that a data set comes with are merged: a picture's split follows from its content (`training.data`).
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_SPLIT_FOLDERS = {"train", "training", "val", "valid", "validation", "test", "testing"}
_DELIMITERS = ",;\t"
_NAMED_AT_MOST = 5  # lines of an error message


class DataError(ValueError):
    """The pictures cannot be trained on; the message says which files and why."""


@dataclass(frozen=True)
class Listed:
    """One file of a source.

    Attributes: path; name, how reports and drop lists call it (relative to the source, with /); label, class index.
    """

    path: Path
    name: str
    label: int


@dataclass(frozen=True)
class Source:
    """What a folder or a CSV file lists, before anything was opened.

    Attributes: labels, class names in the order of the model's answers; files, sorted by class and name; ignored,
    classes that are there but were not asked for, with their number of files.
    """

    labels: tuple[str, ...]
    files: tuple[Listed, ...]
    ignored: dict[str, int]


def read(source: Path, labels: Sequence[str] | None = None) -> Source:
    """List the files of a source.

    Args:
        source: a folder that holds one folder per class (or train, validation and test folders that do), or a CSV file
            with the columns `file` (relative to the CSV file) and `label`. Hidden files are left out.
        labels: class names in the order of the model's answers; what the source holds, sorted, if None. A class
            without a file is no error here.
    Raises: DataError for a source that is neither, or a CSV file with bad rows.
    """
    if source.is_dir():
        found = _by_folder(source)
        what = "class folders"
    elif source.is_file() and source.suffix.lower() in {".csv", ".tsv"}:
        found = _by_row(source)
        what = "labels"
    elif source.exists():
        raise DataError(f"{source} is neither a folder with one folder per class nor a CSV file.")
    else:
        raise DataError(
            f"{source} does not exist. Pass --data a folder that holds one folder per class, or a CSV file."
        )
    names = tuple(labels or sorted(found))
    if len(names) < 2:  # noqa: PLR2004 - one class is no classifier
        raise DataError(f"{source} holds {len(names)} {what}; a classifier needs two or more.")
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"labels have to differ; {', '.join(repeated)} is there more than once.")
    base = source if source.is_dir() else source.parent
    files = [Listed(p, _name(p, base), i) for i, label in enumerate(names) for p in sorted(found.get(label, []))]
    return Source(names, tuple(files), {name: len(found[name]) for name in sorted(found) if name not in names})


def _name(path: Path, base: Path) -> str:
    return path.relative_to(base).as_posix() if path.is_relative_to(base) else path.as_posix()


def _by_folder(folder: Path) -> dict[str, list[Path]]:
    tops = list(_folders(folder))
    if tops and all(top.name.lower() in _SPLIT_FOLDERS and any(_folders(top)) for top in tops):
        tops = [inner for top in tops for inner in _folders(top)]
    found: dict[str, list[Path]] = {}
    for top in tops:
        files = [p for p in top.rglob("*") if p.is_file() and not _hidden(p.relative_to(top))]
        found.setdefault(top.name, []).extend(files)
    return found


def _folders(folder: Path) -> Iterator[Path]:
    return (p for p in folder.iterdir() if p.is_dir() and not _hidden(Path(p.name)))


def _hidden(path: Path) -> bool:
    # Archives made on a Mac carry a __MACOSX folder of attributes, with a file for every picture.
    return any(part.startswith(".") or part == "__MACOSX" for part in path.parts)


def _by_row(table: Path) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    wrong = []
    for line, file, label in _rows(table):
        if not file or not label:
            wrong.append(f"line {line}: no {'label' if file else 'file'}")
        elif not (table.parent / file).is_file():
            wrong.append(f"line {line}: {file} does not exist")
        else:
            found.setdefault(label, []).append(table.parent / file)
    if wrong:
        raise DataError(f"{table}, bad rows:\n{first(wrong)}")
    return found


def _rows(table: Path) -> Iterator[tuple[int, str, str]]:
    """Yield line number, file and label of each row."""
    try:
        text = table.read_text(encoding="utf-8-sig")
        head = text.partition("\n")[0]
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=max(_DELIMITERS, key=head.count), strict=True)
        reader.fieldnames = [name.strip() for name in reader.fieldnames or []]
        if not {"file", "label"} <= set(reader.fieldnames):
            there = ", ".join(reader.fieldnames) or "nothing"
            raise DataError(f"{table}, line 1: the columns 'file' and 'label' are needed; found {there}.")
        for row in reader:
            yield reader.line_num, (row["file"] or "").strip(), (row["label"] or "").strip()
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{table} cannot be read as a CSV file in UTF-8: {error}") from None


def first(lines: Iterable[str]) -> str:
    """Write the first few lines, and how many more there are."""
    some = list(lines)
    more = [f"... and {len(some) - _NAMED_AT_MOST} more"] if len(some) > _NAMED_AT_MOST else []
    return "\n".join([*some[:_NAMED_AT_MOST], *more])
