"""What each ingredient of a recipe is worth: leave them out one by one, and judge all on the same pictures."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.config import Config, check
from training.crossvalidate import crossvalidate, out_of_fold
from training.evaluation.paired import mcnemar
from training.pictures import Pictures

if TYPE_CHECKING:
    import numpy as np

RESULT_FILE = "ablation.json"


def variants(config: Config) -> Mapping[str, Config]:
    """Give the recipe as it is, and without each ingredient that it has, by what is changed."""
    without = {
        "no augmentation": replace(config, augmentation="none"),
        "no fine-tuning": replace(config, epochs=0),
        "fine-tuned weights alone": replace(config, tuned_share=1.0),
        "no teacher": replace(config, teachers=()),
        "no label smoothing": replace(config, label_smoothing=0.0),
        "no averaged weights": replace(config, ema=0.0),
        "no class weights": replace(config, class_weights=False),
        "no dropout": replace(config, dropout=0.0),
        "no weight decay": replace(config, weight_decay=0.0),
    }
    if config.weights is None:
        del without["no fine-tuning"]
    else:
        without["no ImageNet weights"] = replace(config, weights=None, teachers=(), tuned_share=1.0)
    return {"as it is": config, **{what: one for what, one in without.items() if one != config}}


def ablate(config: Config, pictures: Pictures, run: Path, only: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Cross-validate each variant on the same folds.

    A killed run goes on where it stopped: every fold of every variant is kept.

    Args:
        config: the recipe.
        pictures: all that are to be judged.
        run: folder of the variants.
        only: the variants to try besides the recipe itself; all if empty.
    Returns: one row a variant: what, accuracy, log loss, and against the recipe as it is the difference of accuracy
        and McNemar's exact p; also written to `run/ablation.json`.
    Raises: ValueError for a variant that the recipe does not have.
    """
    known = variants(config)
    if unknown := set(only) - set(known):
        raise ValueError(f"The recipe has no variant {', '.join(sorted(unknown))}; there are {', '.join(known)}.")
    chosen = {what: one for what, one in known.items() if what == "as it is" or not only or what in only}
    rows: list[dict[str, Any]] = []
    right: dict[str, np.ndarray] = {}
    for number, (what, one) in enumerate(chosen.items()):
        print(f"\n{what} ({number + 1} of {len(chosen)})")
        check(one)
        folder = run / what.replace(" ", "-")
        found = crossvalidate(one, pictures, folder)
        right[what] = out_of_fold(one, pictures, folder).argmax(axis=1) == pictures.labels
        base = right["as it is"]
        rows.append(
            {
                "variant": what,
                "accuracy": found["accuracy"]["value"],
                "log_loss": found["log_loss"],
                "ece": found["ece"],
                "difference": round(float(right[what].mean() - base.mean()), 4),
                "p": round(mcnemar(int((right[what] & ~base).sum()), int((base & ~right[what]).sum())), 4),
            }
        )
        run.mkdir(parents=True, exist_ok=True)
        (run / RESULT_FILE).write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return rows


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Write an ablation as text for the terminal."""
    width = max(len(row["variant"]) for row in rows)
    lines = [f"{'':{width}}  accuracy  log loss     ECE  difference       p"]
    lines += [
        f"{row['variant']:{width}}  {row['accuracy']:8.4f}  {row['log_loss']:8.4f}  {row['ece']:6.4f}  "
        f"{row['difference']:+10.4f}  {row['p']:6.4f}"
        for row in rows
    ]
    return "\n".join(lines)
