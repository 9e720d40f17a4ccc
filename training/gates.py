"""What a version has to pass before it is proposed: its goldens in both engines, and pictures that it never saw."""

from dataclasses import dataclass
from pathlib import Path

from training.artefact import parity
from training.evaluation.comparison import Comparison, answer_both, compare
from training.evaluation.evaluate import answer
from training.evaluation.metrics import wilson


class GateRefused(ValueError):  # noqa: N818 - what a reader of `except` wants to see
    """A version may not be proposed; the message says why."""


@dataclass(frozen=True)
class Passed:
    """A version that passed.

    Args:
        sentences: one a gate.
        figures: that were measured, by name.
        comparison: with the version that is there, if one is.
    """

    sentences: tuple[str, ...]
    figures: dict[str, float]
    comparison: Comparison | None


def pass_gates(
    version: Path, against: Path | None, pictures: Path, split: str = "test", margin: float | None = None
) -> Passed:
    """Hold a version to every gate.

    Args:
        version: its directory.
        against: directory of the version that it has to beat; None where there is none: then it has to be better than
            always saying the most frequent class.
        pictures: one folder per class, or a CSV file.
        split: which of them judge: "test", or "all" of pictures that no training ever saw.
        margin: it is enough to be less than this worse, as a share; None asks for better.
    Raises: GateRefused, whose message says what was measured; ParityError for skew; as `answer`.
    """
    differences = parity.verify(version)
    goldens = f"Goldens: both engines answer as training code did, at most {max(differences.values()):.1g} apart."
    figures = {f"golden_difference_{engine}": float(value) for engine, value in differences.items()}
    if against is None:
        sentence, accuracy = _better_than_chance(version, pictures, split)
        return Passed((goldens, sentence), {**figures, "accuracy": accuracy}, None)
    a, b = answer_both(against, version, pictures, split)
    found = compare(a, b, margin)
    said = " ".join(found.sentences())
    accuracies = [one.summary()["accuracy"]["value"] for one in (a, b)]
    measured = f"{a.name} (A) is right in {accuracies[0]:.1%}, {b.name} (B) in {accuracies[1]:.1%}. {said}"
    if not found.shown:
        unfair = ""
        if a.fitted.certain:
            unfair = (
                f" A was fitted on {a.fitted.pictures} of these {a.fitted.of} pictures, so it remembers them: judge "
                "by pictures that neither saw, or name another version to beat."
            )
        raise GateRefused(f"{b.name} is not shown to be better than {a.name}: {measured}{unfair}")
    figures |= {"accuracy": accuracies[1], "accuracy_before": accuracies[0], "mcnemar_p": found.p_value}
    return Passed((goldens, f"Beats the version that is there: {measured}"), figures, found)


def _better_than_chance(version: Path, pictures: Path, split: str) -> tuple[str, float]:
    """Say by how much a first version is better than always saying one class; raise GateRefused where it is not.

    Returns: a sentence, and the accuracy.
    """
    answers = answer(version, pictures, split)
    n, right = len(answers.truth), int(answers.right.sum())
    frequent = max(int((answers.truth == k).sum()) for k in range(len(answers.labels))) / n
    low, high = wilson(right, n)
    measured = f"it is right in {right / n:.1%} of {n} pictures ({low:.1%} to {high:.1%})"
    if answers.fitted.certain and answers.fitted.pictures:
        raise GateRefused(f"{answers.name} was fitted on the pictures that were to judge it: {answers.fitted.warning}")
    if low <= frequent:
        raise GateRefused(
            f"{answers.name} is not better than always saying the most frequent class, which is right in "
            f"{frequent:.1%}: {measured}."
        )
    return f"No version is there to beat; {measured}, always the most frequent class in {frequent:.1%}.", right / n
