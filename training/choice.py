"""Choose among trained candidates, by what they say of the validation split: the test split stays unseen."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.candidates import CANDIDATE_FILE

# What can decide, and whether more of it is better. Log loss tells more: accuracy of 75 pictures moves in steps.
METRICS = {"log-loss": False, "accuracy": True}


@dataclass(frozen=True)
class Judged:
    """A trained candidate. Args: text: as it was written; run: its folder; figures: of the validation split."""

    text: str
    run: Path
    figures: dict[str, Any]

    def value(self, metric: str) -> float:
        """Give the figure that decides."""
        found = self.figures["accuracy"]["value"] if metric == "accuracy" else self.figures["log_loss"]
        return float(found)


def read(run: Path) -> Judged:
    """Read a candidate's run; raise ValueError for a folder that is none."""
    try:
        text = json.loads((run / CANDIDATE_FILE).read_text(encoding="utf-8"))["candidate"]
        figures = json.loads((run / "run.json").read_text(encoding="utf-8"))["metrics"]["validation"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{run} holds no candidate that was trained: {error!r}") from error
    return Judged(text, run, figures)


def choose(runs: Sequence[Path], metric: str) -> tuple[Judged, list[Judged]]:
    """Choose the best candidate; of equals, the one that was named first.

    Args:
        runs: folders of finished runs, one or more.
        metric: a key of METRICS.
    Returns: the best, and all of them in the order given. Raises: ValueError for a folder that is no such run.
    """
    judged = [read(run) for run in runs]
    sign = -1 if METRICS[metric] else 1
    return min(judged, key=lambda one: sign * one.value(metric)), judged


def table(best: Judged, judged: Sequence[Judged], metric: str) -> str:
    """Write the candidates as a Markdown table, the chosen one in bold."""
    pictures = best.figures["accuracy"]["n"]
    lines = [f"| candidate | accuracy on {pictures} validation pictures | log loss |", "| --- | --- | --- |"]
    for one in judged:
        mark = "**" if one is best else ""
        accuracy = "{value:.4f} ({low:.3f} to {high:.3f})".format(**one.figures["accuracy"])
        lines.append(f"| {mark}{one.text}{mark} | {accuracy} | {one.figures['log_loss']:.4f} |")
    return "\n".join([*lines, "", f"Chosen by {metric}: {best.text}."])
