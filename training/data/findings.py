"""What can be wrong with pictures, in words: the kinds of finding, a finding, and the list of files to leave out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from training.data.sources import DataError

Action = Literal["refused", "left out", "kept"]
ACTIONS: tuple[Action, ...] = ("refused", "left out", "kept")

# Kind -> what a report calls it.
KINDS = {
    "two-classes": "one picture in two classes",
    "no-pictures": "class without a usable picture",
    "too-many-unreadable": "too many files that cannot be read",
    "too-few-classes": "fewer than two classes",
    "dropped": "left out by the drop list",
    "unreadable": "unreadable picture",
    "not-a-picture": "file that is no picture",
    "duplicate": "exact copy",
    "near-duplicate-across-splits": "near copy of a picture in a higher split",
    "near-duplicate-in-two-classes": "near copies in two classes, so one label is probably wrong",
    "near-duplicate": "near copies in one split",
    "wrong-extension": "name says another format than the content",
    "few-pictures": "class with very few pictures",
    "no-pictures-in-split": "class without a picture in a split",
    "ignored-class": "class that is not among the model's labels",
    "unknown-in-drop-list": "drop list names a file that is not there",
}


@dataclass(frozen=True)
class Finding:
    """One thing found.

    Attributes: kind, a key of KINDS; files, names relative to the source; note, what exactly; action, whether training
    was refused for it, the files were left out, or they are trained on; beside, names of files that stay and show the
    same.
    """

    kind: str
    files: tuple[str, ...]
    note: str
    action: Action
    beside: tuple[str, ...] = ()


def written(findings: Sequence[Finding], *, at_most: int = 10) -> str:
    """Write findings as text: what refuses training first, then what is left out, then what to look at."""
    lines = []
    for action in ACTIONS:
        for kind, title in KINDS.items():
            some = [f for f in findings if f.kind == kind and f.action == action]
            if not some:
                continue
            lines.append(f"{action}: {title} ({len(some)})")
            lines += [f"  {f.note}" for f in some[:at_most]]
            if len(some) > at_most:
                lines.append(f"  ... and {len(some) - at_most} more (--json lists them all)")
    return "\n".join(lines)


def read_drop_list(file: Path) -> frozenset[str]:
    """Read a drop list: a file's name relative to the source a line; empty lines and those with # in front are notes.

    Raises: DataError if it is not there or no text.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise DataError(f"--drop {file}: there is no such file. It is a drop list, or the word 'auto'.") from None
    except (UnicodeDecodeError, IsADirectoryError):
        raise DataError(f"--drop {file}: not a text file with one file name a line.") from None
    return frozenset(line.strip() for line in lines if line.strip() and not line.startswith("#"))


def write_drop_list(file: Path, dropped: Iterable[str], refused: Sequence[Finding]) -> Path:
    """Write what to leave out so that training is no longer refused; never over a list that somebody edited.

    Args:
        file: where to; a number is added to its name if another list is there.
        dropped: what an earlier list left out already.
        refused: findings; the files of each are listed under its note.
    Returns: the file written.
    """
    lines = [
        "# Files to leave out, by their names in the data folder. Delete the lines of those to keep.",
        *sorted(dropped),
    ]
    for finding in refused:
        if finding.files:
            lines += ["", *(f"# {line}" for line in finding.note.splitlines()), *finding.files]
    text = "\n".join(lines) + "\n"
    file.parent.mkdir(parents=True, exist_ok=True)
    number, target = 2, file
    while target.exists() and target.read_text(encoding="utf-8") != text:
        target, number = file.with_name(f"{file.stem}-{number}{file.suffix}"), number + 1
    target.write_text(text, encoding="utf-8")
    return target
