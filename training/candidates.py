"""Candidates: one experiment with some of its settings changed, trained once and judged on pictures held out from it.

A candidate is written as its changes: `learning-rate=3e-4`, `backbone=small-cnn,weights=none`, or `own` for none. It is
fitted on the train split whatever the experiment says of its estimate: the validation split chooses among candidates,
and the test split, at which nobody has looked then, judges the one that was chosen.
"""

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from training import data, provenance
from training.config import Config, ConfigError, check
from training.data.locking import exclusive

OWN = "own"
CANDIDATE_FILE = "candidate.json"
KEPT = ("run.json", "config.json", "model.weights.h5", CANDIDATE_FILE)  # of a run, what later steps read
_ROOT = Path(__file__).parent
# Changing these changes no weight and no figure of a run.
_WITHOUT_EFFECT = ("commands", "configs", "pipeline", "report", "tuning", "new.py", "gates.py", "choice.py")
# What a model is called and says of itself is no recipe; splits and estimate are what makes candidates comparable.
_FIXED = {
    "name", "version", "task", "labels", "data_name", "source", "intended_use", "limits", "dataset", "estimate",
    "fit_splits", "folds", "temperature",
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Candidate:
    """An experiment with changes. Args: text: the changes as written; config: what comes of them."""

    text: str
    config: Config


def candidate(config: Config, text: str) -> Candidate:
    """Apply the changes of a candidate to an experiment; raise ConfigError for such that make no sense."""
    fields = {field.name: _kind(field.type) for field in dataclasses.fields(Config) if field.name not in _FIXED}
    changes: dict[str, Any] = {}
    for part in () if text == OWN else text.split(","):
        name, equals, value = part.partition("=")
        field = name.strip().replace("-", "_")
        if not equals or field not in fields:
            known = ", ".join(sorted(name.replace("_", "-") for name in fields))
            raise ConfigError(f"A candidate is written as learning-rate=3e-4, and not as {part!r}; there are {known}.")
        changes[field] = _value(name, fields[field], value.strip())
    held_out = dataclasses.replace(config, estimate="test", fit_splits=("train",), temperature=None)
    changed = dataclasses.replace(held_out, **changes)
    check(changed)
    return Candidate(text, changed)


def candidates(config: Config, texts: Sequence[str]) -> list[Candidate]:
    """Read candidates; raise ConfigError for none at all, and for two that are the same."""
    found = [candidate(config, text) for text in texts]
    if not found:
        raise ConfigError("There is no candidate: name one at least, such as own or learning-rate=3e-4.")
    for number, one in enumerate(found):
        if twin := next((other for other in found[:number] if other.config == one.config), None):
            raise ConfigError(f"The candidates {twin.text!r} and {one.text!r} are the same.")
    return found


def run_key(config: Config, content_sha256: str) -> str:
    """Name a run by all that decides what comes out: experiment, pictures, code and libraries; 20 hex digits."""
    known = {
        "config": dataclasses.asdict(config),
        "pictures": content_sha256,
        "code": code_version(),
        "libraries": provenance.libraries(),
    }
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:20]


def code_version() -> str:
    """Hash the source that decides a run's numbers: this package without what only calls or shows, and the decoder."""
    files = [path for path in sorted(_ROOT.rglob("*.py")) if path.relative_to(_ROOT).parts[0] not in _WITHOUT_EFFECT]
    source = b"".join(path.relative_to(_ROOT).as_posix().encode() + path.read_bytes() for path in files)
    return hashlib.sha256(source + data.decoder_version().encode()).hexdigest()


def train_once(
    one: Candidate, source: Path, runs: Path, cache: Path | None = None, *, drop: str | None = None
) -> tuple[Path, bool]:
    """Train a candidate, unless the same was trained before.

    A run that was killed goes on from its last whole epoch, one that was finished is taken as it is.

    Args:
        one: what to train.
        source: its pictures.
        runs: folder of runs, each named by its `run_key`.
        cache: folder for decoded tensors; none if None.
        drop: list of pictures to leave out, or "auto".
    Returns: the run's folder, and whether it was there already.
    Raises: as `training.train.train`.
    """
    from training.data.audit import audit

    audited = audit(source, one.config.labels, drop=drop, cache=cache)
    key = run_key(one.config, data.content_hash(audited.examples, audited.labels))
    run = runs / key
    with exclusive(runs / f".{key}.lock"):  # what a killed pipeline started may be at it still
        if all((run / name).exists() for name in KEPT):
            return run, True
        from training.train import train

        train(one.config, source, run, cache, drop=drop)
        _sign(run, one.text, key)
    return run, False


def _sign(run: Path, text: str, key: str) -> None:
    """Say that a run is whole; this file is written last."""
    partial = run / f".{CANDIDATE_FILE}.partial"
    partial.write_text(json.dumps({"candidate": text, "key": key}, indent=1) + "\n", encoding="utf-8")
    partial.replace(run / CANDIDATE_FILE)


def copy_run(run: Path, folder: Path) -> None:
    """Copy what later steps read of a run, without checkpoints and curves."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in KEPT:
        shutil.copyfile(run / name, folder / name)


def _kind(type_: Any) -> str:
    """Write a field's type as `Config` does: "int", "str | None", "Sequence[str]"."""
    return type_.__name__ if isinstance(type_, type) else str(type_).removeprefix("collections.abc.")


def _value(name: str, kind: str, text: str) -> Any:
    """Read a value as its field's type."""
    if text.lower() in ("none", ""):
        if "None" in kind:
            return None
        if kind.startswith("Sequence"):
            return ()
    try:
        if kind.startswith("Sequence"):
            return tuple(text.split("|"))
        if kind == "bool":
            return {"true": True, "1": True, "false": False, "0": False}[text.lower()]
        for word, read in (("int", int), ("float", float)):
            if kind.split(" ", maxsplit=1)[0] == word:
                return read(text)
    except (ValueError, KeyError):
        raise ConfigError(f"{name}={text}: that is no {kind.split(' ', maxsplit=1)[0]}.") from None
    return text
