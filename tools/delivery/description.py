"""The text of a promotion's pull request, in Markdown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pykustomize.difference import Difference
from tools.delivery.history import PROMOTION, SOURCE
from tools.delivery.models import ChangedPrediction, ModelVersion, accuracy, changed_predictions
from tools.delivery.release import ZEROS, Release
from tools.delivery.repository import short

# GitHub takes 65,536 characters; the rest of the text needs few of them.
_LONGEST_DIFFERENCE = 40_000
_LONGEST_LIST = 60


@dataclass(frozen=True)
class Description:
    """What a promotion changes. Args: old, new: models by name; evidence: sentences about gates that are green."""

    source: str
    target: str
    commit: str
    before: Release
    after: Release
    old: Mapping[str, ModelVersion]
    new: Mapping[str, ModelVersion]
    difference: Difference
    evidence: Sequence[str]

    @property
    def title(self) -> str:
        """Write the subject: the models whose version changes, or that only the images do."""
        changes = [
            f"{name} {self.old[name].version} -> {one.version}" if name in self.old else f"{name} {one.version}"
            for name, one in self.new.items()
            if name not in self.old or self.old[name].version != one.version
        ]
        changes += [f"no {name}" for name in self._removed()]
        listed = ", ".join(changes)
        what = listed if 0 < len(listed) <= _LONGEST_LIST else short(self.commit)
        return f"Promote {self.source} to {self.target}: {what}"

    @property
    def trailers(self) -> str:
        """Write what history.py finds."""
        return f"{PROMOTION}: {self.source} -> {self.target}\n{SOURCE}: {self.commit}\n"

    @property
    def message(self) -> str:
        """Write the commit's message."""
        digests = "\n".join(f"{name} {digest}" for name, digest in self.after.digests.items())
        return f"{self.title}\n\nImages and models of {short(self.commit)}:\n{digests}\n\n{self.trailers}"

    def __str__(self) -> str:
        """Write it all: a title, sections, and the trailers at the end, so that a squashed commit has them too."""
        parts = [
            f"# {self.title}",
            self._images(),
            self._models(),
            self._predictions(),
            self._gates(),
            self._rendered(),
        ]
        return "\n\n".join([*parts, self.trailers])

    def _removed(self) -> list[str]:
        return [name for name in self.before.names if name not in self.new and not self.before.is_first]

    def _images(self) -> str:
        rows = [
            f"| {name} | {_digest(self.before.digests[name])} | {_digest(digest)} |"
            for name, digest in self.after.digests.items()
        ]
        return "\n".join(
            [
                "## Images",
                f"Built from {self.commit}, as who promotes says; `make check-attestations` asks their provenance.",
                "",
                "| image | old | new |",
                "| --- | --- | --- |",
                *rows,
            ]
        )

    def _models(self) -> str:
        rows = []
        for name, one in self.new.items():
            old = self.old.get(name)
            rows.append(
                f"| {name} | {old.version if old else 'none'} | {one.version} | {accuracy(old) if old else ''} | "
                f"{accuracy(one)} |"
            )
        rows += [f"| {name} | there | **removed** | | |" for name in self._removed()]
        head = ["## Models", "Accuracy with its 95 % interval, as the cards say.", ""]
        return "\n".join(
            [*head, "| model | old | new | accuracy old | accuracy new |", "| --- | --- | --- | --- | --- |", *rows]
        )

    def _predictions(self) -> str:
        rows, words = [], []
        for name, one in self.new.items():
            if (old := self.old.get(name)) is None:
                words.append(f"- {name}: nothing to compare with.")
            elif old.identity == one.identity:
                words.append(f"- {name}: the same version.")
            else:
                changed, both = changed_predictions(old, one)
                flips = sum(pair.flips for pair in changed)
                words.append(
                    f"- {name}: {len(changed)} of {both} goldens beyond tolerance, {flips} with another class."
                )
                rows += [_row(name, pair) for pair in changed]
        table = ["", "| model | golden | old | new | largest change |", "| --- | --- | --- | --- | --- |", *rows]
        return "\n".join(["## Predictions on the goldens", *words, *(table if rows else [])])

    def _gates(self) -> str:
        return "\n".join(["## Gates", *(f"- {sentence}" for sentence in self.evidence)])

    def _rendered(self) -> str:
        text = str(self.difference)
        if len(text) > _LONGEST_DIFFERENCE:
            text = f"{text[:_LONGEST_DIFFERENCE]}\n... shortened; make diff ENV={self.target} prints all of it"
        return "\n".join(
            [
                "## What the cluster gets",
                f"<details><summary>{self.difference.summary}</summary>",
                "",
                "```diff",
                text,
                "```",
                "</details>",
            ]
        )


def _digest(digest: str) -> str:
    return "none" if digest in ("", ZEROS) else f"`{digest[:19]}`"


def _row(name: str, pair: ChangedPrediction) -> str:
    before, after = pair.words()
    mark = "**" if pair.flips else ""
    return f"| {name} | {pair.picture} | {before} | {mark}{after}{mark} | {pair.largest:.3f} |"
