"""The page of an ablation: how far each variant falls short of the recipe as it is."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from training.config import Config
from training.evaluation.metrics import wilson
from training.report.page import Page
from training.report.plots import bars

_SIGNIFICANT = 0.05


def write(rows: Sequence[Mapping[str, Any]], config: Config, pictures: int, path: Path) -> Path:
    """Write the page.

    Args:
        rows: what `training.ablation.ablate` returns.
        config: the recipe.
        pictures: how many were judged.
        path: the file to write.
    Returns: the path.
    """
    names = [row["variant"] for row in rows]
    page = Page(f"{config.name}: what each ingredient is worth", f"{config.folds}-fold cross-validation")
    page.facts(
        [
            ("accuracy as it is", f"{rows[0]['accuracy']:.4f}", f"{pictures:,} pictures"),
            ("variants", str(len(rows) - 1), f"{config.backbone}, {config.size} px"),
        ]
    )
    page.section(
        "Accuracy and log loss",
        "Every variant is fitted and judged on the same folds. Whiskers are 95 % intervals of each accuracy alone; "
        "p is of McNemar's exact test against the recipe as it is, on the same pictures.",
    )
    accuracies = [row["accuracy"] for row in rows]
    intervals = [wilson(round(value * pictures), pictures) for value in accuracies]
    lowest = max(0.0, min(low for low, _ in intervals) - 0.02)
    page.figure(
        bars(names, accuracies, intervals=intervals, x="accuracy", limit=(lowest, 1.0), text="{:.3f}"),
        "Accuracy of each variant.",
        "Bars of accuracy, one a variant",
    )
    page.figure(
        bars(names, [row["log_loss"] for row in rows], x="log loss after calibration", text="{:.3f}"),
        "Log loss of each variant; lower is better.",
        "Bars of log loss, one a variant",
    )
    page.table(
        ["variant", "accuracy", "difference", "p", "log loss", "ECE", "verdict"],
        [
            [
                row["variant"], f"{row['accuracy']:.4f}", f"{row['difference']:+.4f}", f"{row['p']:.4f}",
                f"{row['log_loss']:.4f}", f"{row['ece']:.4f}", _verdict(row, rows[0]),
            ]
            for row in rows
        ],
    )  # fmt: skip
    return page.write(path)


def _verdict(row: Mapping[str, Any], base: Mapping[str, Any]) -> str:
    if row is base:
        return "the recipe"
    if row["p"] >= _SIGNIFICANT:
        return "cannot be told apart"
    return "the ingredient pays" if row["difference"] < 0 else "better without it"
