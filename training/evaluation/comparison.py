"""Say whether one model version beats another on the same pictures: paired statistics, no TensorFlow.

Two intervals that overlap do not tell: both models are asked about the same pictures, and only those that they answer
differently say anything about their difference.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from training.evaluation import paired
from training.evaluation.evaluate import Answers, answer, read_card

_LEVEL = 0.05
_POINT = 0.01
_SMALLEST = 1e-7  # a probability of 0 would make one picture decide a mean of logarithms

Verdict = Literal["B beats A", "A beats B", "cannot be told apart"]


@dataclass(frozen=True)
class Comparison:
    """What pictures say of two models, A and B; differences are B - A.

    Attributes:
        a: A's answers.
        b: B's answers about the same pictures, columns in A's order.
        only_a: pictures that only A answers rightly.
        only_b: pictures that only B answers rightly.
        p_value: of McNemar's exact test.
        difference: of the accuracies.
        low: lower end of its 95 % interval.
        high: upper end.
        log_loss: difference of mean log losses (below 0: B is better) with its 95 % interval.
        margin: B may be worse by this and still pass; None if it has to be better.
    """

    a: Answers
    b: Answers
    only_a: int
    only_b: int
    p_value: float
    difference: float
    low: float
    high: float
    log_loss: tuple[float, float, float]
    margin: float | None

    @property
    def pictures(self) -> int:
        """How many pictures both were asked about."""
        return len(self.a.truth)

    @property
    def verdict(self) -> Verdict:
        """What McNemar's test says at the 5 % level."""
        if self.p_value >= _LEVEL:
            return "cannot be told apart"
        return "B beats A" if self.only_b > self.only_a else "A beats B"

    @property
    def headline(self) -> str:
        """The verdict as the beginning of a sentence."""
        return self.verdict[0].upper() + self.verdict[1:]

    @property
    def spoilt(self) -> bool:
        """B was certainly fitted on pictures that it is judged by: nothing in its favour is shown."""
        return self.b.fitted.certain and self.b.fitted.pictures > 0

    @property
    def shown(self) -> bool:
        """Whether B may take A's place: it beats A, or is at most the margin worse, on pictures that it never saw."""
        at_least = self.margin is not None and self.low > -self.margin
        return (self.verdict == "B beats A" or at_least) and not self.spoilt

    @property
    def warnings(self) -> list[str]:
        """Say of each model which pictures it may know."""
        return [f"{which} ({one.name}): {one.fitted.warning}" for which, one in self._both() if one.fitted.warning]

    def sentences(self) -> list[str]:
        """Say in words what was found, the verdict first."""
        apart = self.only_a + self.only_b
        counts = f"{self.only_a} by A, {self.only_b} by B; McNemar's exact p = {self.p_value:.2g}"
        told = f"{apart} of {self.pictures} pictures are answered rightly by one of them only ({counts})"
        found = [f"{self.headline}: {told}."]
        if self.verdict == "cannot be told apart":
            found.append(self._needed())
        if self.margin is not None:
            word = "is" if self.low > -self.margin else "is not shown to be"
            allowed = f"at least as good as A but for {100 * self.margin:g} points"
            found.append(f"B {word} {allowed}: the interval's lower end is {_points(self.low)}.")
        if self.spoilt:
            found.append("B was fitted on these pictures, so nothing is shown in its favour.")
        return found

    def _needed(self) -> str:
        rate = (self.only_a + self.only_b) / self.pictures
        needed = paired.pictures_needed(rate, self.difference)
        if needed is not None:
            return f"About {_roughly(needed)} pictures would be needed to tell such a difference from chance."
        needed = paired.pictures_needed(max(rate, 1 / self.pictures), _POINT) or 0
        return f"They are equally good here; about {_roughly(needed)} pictures would show a difference of one point."

    def changed(self) -> list[int]:
        """List the rows of pictures that A and B answer differently; those that B newly gets wrong first."""
        rows = np.flatnonzero(self.a.predicted != self.b.predicted)
        return [int(row) for row in sorted(rows, key=lambda row: (self.b.right[row], not self.a.right[row], row))]

    def to_json(self) -> dict[str, Any]:
        """Write everything as JSON-ready dictionary."""
        labels, loss = self.a.labels, [round(v, 5) for v in self.log_loss]
        return {
            "verdict": self.verdict,
            "shown": self.shown,
            "sentences": self.sentences(),
            "warnings": self.warnings,
            "pictures": self.pictures,
            "only_a_right": self.only_a,
            "only_b_right": self.only_b,
            "mcnemar_p": float(f"{self.p_value:.4g}"),
            "accuracy_difference": {
                "value": round(self.difference, 5),
                "low": round(self.low, 5),
                "high": round(self.high, 5),
            },
            "log_loss_difference": dict(zip(("value", "low", "high"), loss, strict=True)),
            "margin": self.margin,
            "models": {
                which: {
                    "model": str(one.model_dir),
                    "name": one.card.get("name"),
                    "version": one.card.get("version"),
                    "engine": one.engine,
                    **one.summary(),
                }
                for which, one in self._both()
            },
            "changed": [
                {
                    "file": str(self.a.examples[row].path),
                    "truth": labels[self.a.truth[row]],
                    "a": _said(self.a, row),
                    "b": _said(self.b, row),
                }
                for row in self.changed()
            ],
        }

    def _both(self) -> tuple[tuple[str, Answers], tuple[str, Answers]]:
        return ("A", self.a), ("B", self.b)


def answer_both(a: Path, b: Path, folder: Path, split: str, engine: str = "auto") -> tuple[Answers, Answers]:
    """Ask two model versions about the same pictures; arguments and errors as of `evaluate.answer`.

    Raises: ValueError if they do not know the same classes.
    """
    labels, others = (read_card(model_dir)["labels"] for model_dir in (a, b))
    if set(labels) != set(others):
        raise ValueError(
            f"{a} and {b} know different classes and cannot be compared: only A has "
            f"{sorted(set(labels) - set(others)) or 'none'}, only B has {sorted(set(others) - set(labels)) or 'none'}."
        )
    first = answer(a, folder, split, engine)
    return first, answer(b, folder, split, engine, first.labels)


def compare(a: Answers, b: Answers, margin: float | None = None) -> Comparison:
    """Compare two models' answers about the same pictures.

    Args:
        a: answers of the model that is there.
        b: answers of the one that would take its place; columns in the order of `a.labels`.
        margin: how much worse B's accuracy may be, in 0..1; None if B has to be better.
    Raises: ValueError if the answers are about different pictures or classes, or the margin is not in 0..1.
    """
    if a.labels != b.labels or [e.sha256 for e in a.examples] != [e.sha256 for e in b.examples]:
        raise ValueError("Two models can only be compared on the same pictures and classes.")
    check_margin(margin)
    only_a, only_b = int((a.right & ~b.right).sum()), int((b.right & ~a.right).sum())
    n = len(a.truth)
    low, high = paired.tango(only_b, only_a, n)
    losses = _losses(b) - _losses(a)
    return Comparison(
        a,
        b,
        only_a,
        only_b,
        paired.mcnemar(only_a, only_b),
        (only_b - only_a) / n,
        low,
        high,
        (float(losses.mean()), *paired.bootstrap(losses)),
        margin,
    )


def check_margin(margin: float | None) -> None:
    """Raise ValueError for a margin that is no difference of accuracies, such as points in place of a share."""
    if margin is not None and not 0 < margin < 1:
        raise ValueError(f"The margin is a difference of accuracies between 0 and 1, such as 0.01, and not {margin}.")


def _losses(answers: Answers) -> np.ndarray:
    true = answers.probabilities[np.arange(len(answers.truth)), answers.truth]
    return -np.log(np.maximum(true.astype(float), _SMALLEST))


def _said(answers: Answers, row: int) -> dict[str, Any]:
    k = int(answers.predicted[row])
    return {"label": answers.labels[k], "probability": round(float(answers.probabilities[row, k]), 4)}


def _roughly(count: int) -> int:
    """Keep two digits: the rest would pretend to be known."""
    return int(float(f"{count:.2g}"))


def _points(share: float) -> str:
    return f"{100 * share:+.2f} points"
