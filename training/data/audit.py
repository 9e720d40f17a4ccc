"""Look at every picture before training: leave out what would spoil it, refuse what only people can decide.

Left out, and listed: files that cannot be read, exact copies, and of near copies in different splits those in the lower
split (train < validation < test), so that nothing which is judged was also learnt. Refused: one picture in two
classes, a class without a usable picture, fewer than two classes, and more than a fifth of the files unreadable.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from training import data
from training.data import SPLITS, Example, sources
from training.data.duplicates import groups, near_duplicates
from training.data.facts import Facts, measure
from training.data.findings import KINDS, Finding, read_drop_list, write_drop_list, written
from training.data.sources import DataError, Listed

AUTO = "auto"
DROP_LISTS = Path(__file__).parents[2] / "runs"
_UNREADABLE_SHARE = 0.2
_FEW = 10
_EXTENSIONS = {
    "JPEG": {".jpg", ".jpeg", ".jpe", ".jfif"},
    "PNG": {".png"},
    "WEBP": {".webp"},
    "GIF": {".gif"},
    "BMP": {".bmp", ".dib"},
    "AVIF": {".avif"},
}
# Of a file with such a name one expects a picture, even where its content is none.
_PICTURE_NAMES = {"", ".tif", ".tiff", ".heic", ".heif"}.union(*_EXTENSIONS.values())


@dataclass(frozen=True)
class Audit:
    """What was found in a source.

    Attributes: source; examples to train on, sorted by class and content hash, with their groups; labels, class names;
    findings; files, how many were listed; facts of every picture that can be decoded, by name, left out or not.
    """

    source: Path
    examples: list[Example]
    labels: tuple[str, ...]
    findings: list[Finding]
    files: int
    facts: dict[str, Facts]

    def report(self) -> str:
        """Write counts and findings as text for the terminal."""
        counts = data.counts(self.examples, self.labels)
        width = max(map(len, (*self.labels, "all")))
        rows = [(name, [counts[split][name] for split in SPLITS]) for name in self.labels]
        rows.append(("all", [sum(column) for column in zip(*(row for _, row in rows), strict=True)]))
        lines = [
            f"{self.source}: {self.files:,} files, {len(self.labels)} classes, {len(self.examples):,} pictures to use",
            f"  {'':{width}}" + "".join(f"{name:>12}" for name in (*SPLITS, "all")),
            *(f"  {name:{width}}" + "".join(f"{n:12,}" for n in (*row, sum(row))) for name, row in rows),
        ]
        return "\n".join([*lines, written(self.findings) or "nothing suspicious found"])

    def to_json(self) -> dict[str, Any]:
        """Give everything that was found, ready for json.dumps."""
        return {
            "source": str(self.source),
            "files": self.files,
            "pictures": len(self.examples),
            "labels": list(self.labels),
            "counts": data.counts(self.examples, self.labels),
            "content_sha256": data.content_hash(self.examples, self.labels),
            "findings": [{**vars(f), "files": list(f.files), "beside": list(f.beside)} for f in self.findings],
        }


class Refused(DataError):  # noqa: N818 - what a reader of `except` wants to see
    """Report pictures that cannot be trained on.

    Attributes: audit, all that was found; drop_list, a file that lists what to leave out, if leaving files out helps;
    summary, the message without the files.
    """

    def __init__(self, audit: Audit, drop_list: Path | None) -> None:
        refused = [finding for finding in audit.findings if finding.action == "refused"]
        first = f"{audit.source} cannot be trained on."
        advice = ""
        if drop_list:
            shown = drop_list.relative_to(Path.cwd()) if drop_list.is_relative_to(Path.cwd()) else drop_list
            advice = (
                f"{shown} lists the files in question: edit it and add --drop {shown}, or leave them all out with "
                f"--drop {AUTO}."
            )
        super().__init__("\n".join(filter(None, (first, written(refused), advice))))
        reasons = Counter(KINDS[finding.kind] for finding in refused)
        why = "; ".join(f"{reason} ({count})" for reason, count in reasons.items())
        self.summary = f"{first} Found: {why}. {advice}".strip()
        self.audit = audit
        self.drop_list = drop_list


def audit(
    source: Path,
    labels: Sequence[str] | None = None,
    *,
    drop: str | Path | None = None,
    cache: Path | None = None,
    drop_lists: Path = DROP_LISTS,
) -> Audit:
    """Look at every picture of a source.

    Args:
        source: as `sources.read` takes it.
        labels: class names in the order of the model's answers; what the source holds, sorted, if None.
        drop: a drop list, or "auto" to leave out whatever training would be refused for.
        cache: folder that keeps what was measured, by content hash; nothing is kept if None.
        drop_lists: folder to write a drop list to when training is refused.
    Returns: what was found, with the examples to train on.
    Raises: Refused with everything that stands in the way; DataError for a source or drop list that cannot be read.
    """
    listed = sources.read(source, labels)
    auto = drop == AUTO
    dropped = read_drop_list(Path(drop)) if drop and not auto else frozenset()
    work = _Work(auto=auto, all_classes=labels is not None)
    work.ignored(listed.ignored)
    files = work.not_dropped(listed.files, dropped)
    facts = measure([file.path for file in files], cache)
    usable = work.readable(list(zip(files, facts, strict=True)))
    distinct = work.distinct(usable, listed.labels)
    examples = work.without_leaks(distinct, listed.labels)
    labels = work.classes(examples, listed.labels)
    index = {listed.labels.index(name): new for new, name in enumerate(labels)}
    kept = [replace(e, label=index[e.label]) for e in examples if e.label in index]
    result = Audit(
        source,
        sorted(kept, key=lambda e: (e.label, e.sha256)),
        labels,
        work.findings,
        len(listed.files),
        {file.name: fact for file, fact in usable},
    )
    refused = [finding for finding in work.findings if finding.action == "refused"]
    if refused:
        helps = any(finding.files for finding in refused)
        name = source.resolve().stem + "-drop.txt"
        raise Refused(result, write_drop_list(drop_lists / name, dropped, refused) if helps else None)
    return result


class _Work:
    """The steps of an audit, each of which adds its findings."""

    def __init__(self, *, auto: bool, all_classes: bool) -> None:
        self.findings: list[Finding] = []
        self._all_classes = all_classes  # none of them may be missing
        self._or_refused = "left out" if auto else "refused"

    def _add(self, kind: str, files: Sequence[str], note: str, action: str) -> None:
        self.findings.append(Finding(kind, tuple(files), note, action))

    def ignored(self, classes: dict[str, int]) -> None:
        for name, count in classes.items():
            self._add("ignored-class", (), f"{name}: {count} files", "left out")

    def not_dropped(self, files: Sequence[Listed], dropped: frozenset[str]) -> list[Listed]:
        names = {file.name for file in files}
        for name in sorted(dropped):
            if name in names:
                self._add("dropped", (name,), name, "left out")
            else:
                self._add("unknown-in-drop-list", (), name, "kept")
        return [file for file in files if file.name not in dropped]

    def readable(self, files: list[tuple[Listed, Facts]]) -> list[tuple[Listed, Facts]]:
        broken = []
        for file, facts in files:
            extension = file.path.suffix.lower()
            if facts.foreign and extension not in _PICTURE_NAMES:
                self._add("not-a-picture", (file.name,), file.name, "left out")
            elif facts.error:
                broken.append(file.name)
                self._add("unreadable", (file.name,), f"{file.name}: {facts.error}", "left out")
            elif extension and extension not in _EXTENSIONS[facts.format]:
                self._add("wrong-extension", (file.name,), f"{file.name} is a {facts.format} file", "kept")
        usable = [(file, facts) for file, facts in files if not facts.error]
        if len(broken) > _UNREADABLE_SHARE * (len(usable) + len(broken)):
            note = f"{len(broken)} of {len(usable) + len(broken)}: something may be wrong with the whole folder"
            self._add("too-many-unreadable", broken, note, self._or_refused)
        return usable

    def distinct(self, files: list[tuple[Listed, Facts]], labels: Sequence[str]) -> list[tuple[Listed, Facts]]:
        copies: dict[str, list[tuple[Listed, Facts]]] = {}
        for file, facts in files:
            copies.setdefault(facts.sha256, []).append((file, facts))
        kept = []
        for same in copies.values():
            names = [file.name for file, _ in same]
            classes = sorted({file.label for file, _ in same})
            if len(classes) > 1:
                said = " and ".join(labels[c] for c in classes)
                self._add("two-classes", names, f"{' = '.join(names)} ({said})", self._or_refused)
                continue
            kept.append(same[0])
            for name in names[1:]:
                self._add("duplicate", (name,), f"{name} = {names[0]}", "left out")
        return kept

    def without_leaks(self, files: list[tuple[Listed, Facts]], labels: Sequence[str]) -> list[Example]:
        examples = [Example(f.path, f.label, facts.sha256, data.split_of(facts.sha256)) for f, facts in files]
        names = [file.name for file, _ in files]
        left_out: set[int] = set()
        for rows in groups(len(files), near_duplicates([facts for _, facts in files])):
            highest = max(SPLITS.index(examples[row].split) for row in rows)
            lower = [row for row in rows if SPLITS.index(examples[row].split) < highest]
            group = min(examples[row].sha256 for row in rows)
            for row in rows:
                examples[row] = replace(examples[row], group=group)
            shown = {row: f"{names[row]} ({labels[examples[row].label]}, {examples[row].split})" for row in rows}
            stay = [row for row in rows if row not in lower]
            note = " like ".join(_listed([shown[row] for row in some]) for some in (lower, stay) if some)
            if len({examples[row].label for row in rows}) > 1:
                kind = "near-duplicate-in-two-classes"
            else:
                kind = "near-duplicate-across-splits" if lower else "near-duplicate"
            action = "left out" if lower else "kept"
            beside = tuple(names[row] for row in stay) if lower else ()
            self.findings.append(Finding(kind, tuple(names[row] for row in lower or rows), note, action, beside))
            left_out.update(lower)
        return [example for row, example in enumerate(examples) if row not in left_out]

    def classes(self, examples: Sequence[Example], labels: Sequence[str]) -> tuple[str, ...]:
        """Return the classes that are left."""
        pictures = Counter(e.label for e in examples)
        in_split = Counter((e.label, e.split) for e in examples)
        left = []
        for label, name in enumerate(labels):
            if not pictures[label]:
                action = "refused" if self._all_classes else self._or_refused
                advice = "" if self._all_classes else "; remove the folder if it is no class"
                self._add("no-pictures", (), f"{name}: missing, empty, or nothing in it can be used{advice}", action)
                continue
            left.append(name)
            if pictures[label] < _FEW:
                self._add("few-pictures", (), f"{name}: {pictures[label]}, of which little can be learnt", "kept")
            for split in SPLITS:
                if not in_split[label, split]:
                    self._add("no-pictures-in-split", (), f"{name}: none in {split}", "kept")
        if len(left) < 2:  # noqa: PLR2004 - one class is no classifier
            self._add("too-few-classes", (), f"{len(left)} of {len(labels)} classes have pictures", "refused")
        return tuple(left)


def _listed(names: Sequence[str], at_most: int = 4) -> str:
    more = [f"{len(names) - at_most} more"] if len(names) > at_most else []
    return " and ".join([*names[:at_most], *more])
