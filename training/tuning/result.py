"""What a study found: the best try beside the experiment's own values, as text, JSON and an experiment to train."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial

from training.evaluation.metrics import wilson
from training.evaluation.paired import mcnemar
from training.tuning.study import Search, TuneError, right

RESULT_FILE, CONFIG_FILE, REPORT_FILE = "best.json", "best.py", "report.html"


@dataclass(frozen=True)
class Result:
    """The best try and what it is worth.

    Args:
        best, own: that try, and the one with the experiment's own values (None if it was not judged).
        changes: field of the experiment -> (its own value, the best one), where they differ.
        only_best, only_own: validation pictures that only one of the two is right in.
    """

    best: FrozenTrial
    own: FrozenTrial | None
    changes: Mapping[str, tuple[Any, Any]]
    only_best: int
    only_own: int

    @property
    def p_value(self) -> float:
        """McNemar's exact test of best against own; too small by as much as the best of many is lucky."""
        return mcnemar(self.only_own, self.only_best)


def result(search: Search) -> Result:
    """Find the best try; raise TuneError where none was judged."""
    if not search.complete:
        raise TuneError("No try came to its end; raise --trials or --minutes.")
    best, own, base = search.study.best_trial, search.own, search.space.config
    tried = search.space.apply(best.params)
    changes = {
        field: (getattr(base, field), getattr(tried, field))
        for field in asdict(base)
        if getattr(base, field) != getattr(tried, field)
    }
    a, b = (right(own), right(best)) if own else (right(best), right(best))
    return Result(best, own, changes, int((b & ~a).sum()), int((a & ~b).sum()))


def summary(search: Search, name: str, folder: Path) -> str:
    """Write the result as text for the terminal, the changes as a difference of two experiments."""
    found = result(search)
    pruned = len(search.done) - len(search.complete)
    lines = [f"{len(search.done)} tries, {pruned} of them given up early; the best is number {found.best.number}:"]
    if found.own is not None:
        lines.append(f"  own values  {figures(found.own)}")
    lines.append(f"  best        {figures(found.best)}")
    if not found.changes:
        return "\n".join([*lines, "", f"No try beats the experiment's own values. Plots: {folder / REPORT_FILE}"])
    lines += ["", f"--- training/configs/{name.replace('-', '_')}.py", f"+++ {folder / CONFIG_FILE}"]
    for field, (before, after) in found.changes.items():
        lines += [f"-    {field}={_literal(before)},", f"+    {field}={_literal(after)},"]
    if found.own is not None:
        lines += ["", verdict(found)]
    tuned = f"{name}-tuned"
    return "\n".join(
        [
            *lines,
            "Chosen on these pictures, the best of many looks better than it is. Judge it on others:",
            f"  cp {folder / CONFIG_FILE} training/configs/{tuned.replace('-', '_')}.py",
            f"  python -m training crossvalidate {tuned} --data DIR",
            f"Plots: {folder / REPORT_FILE}",
        ]
    )


def figures(trial: FrozenTrial) -> str:
    """Write a try's figures in a line."""
    answers = right(trial)
    low, high = wilson(int(answers.sum()), len(answers))
    return (
        f"log loss {trial.value:.4f}, accuracy {answers.mean():.4f} ({low:.3f} to {high:.3f}) "
        f"on {len(answers)} validation pictures"
    )


def verdict(found: Result) -> str:
    """Say in words how the best try compares with the experiment's own values."""
    return (
        f"{found.only_best} pictures only the best gets right, {found.only_own} only the own values "
        f"(McNemar's p = {found.p_value:.2f})."
    )


def write(search: Search, name: str, folder: Path) -> None:
    """Write the result to a folder as JSON and as the module of an experiment.

    Args:
        search: the study.
        name: of the experiment.
        folder: of the study.
    Raises: TuneError where no try was judged.
    """
    found = result(search)
    content = {
        "experiment": name,
        "try": found.best.number,
        "tries": len(search.done),
        "changes": {field: after for field, (_, after) in found.changes.items()},
        "best": _json(found.best),
        "own": _json(found.own) if found.own else None,
        "p_value": round(found.p_value, 4),
    }
    (folder / RESULT_FILE).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    module = name.replace("-", "_")
    changes = "".join(f"    {field}={_literal(after)},\n" for field, (_, after) in found.changes.items())
    epochs = "" if not search.space.frozen else "    epochs=0,\n"
    title = name.replace("-", " ").capitalize()
    (folder / CONFIG_FILE).write_text(
        f'"""{title} with the values that a study of {len(search.done)} tries found best.\n'
        f"\nCommand:   python -m training train {name}-tuned --data DIR\n"
        f"Expected:  {figures(found.best)},\n"
        "           by which it was chosen: less on others\n"
        f'"""\n\nfrom dataclasses import replace\n\nfrom training.configs import {module}\n\n'
        f"CONFIG = replace(\n    {module}.CONFIG,\n{changes}{epochs})\n",
        encoding="utf-8",
    )


def _literal(value: Any) -> str:
    return json.dumps(value) if isinstance(value, str) else repr(value)


def _json(trial: FrozenTrial) -> dict[str, Any]:
    kept = {name: trial.user_attrs[name] for name in ("accuracy", "temperature", "seconds")}
    return {"params": trial.params, "log_loss": round(float(trial.value or 0.0), 5), **kept}
