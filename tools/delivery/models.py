"""What a model version is, by its card and goldens in Git, and what changes from one to another."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from serving_api import config_pb2
from tools.delivery.errors import Refused
from tools.delivery.repository import GitRepository

FOLDER = "apps/model-server/models"
LIST = "apps/model-server/models.config"


@dataclass(frozen=True)
class ModelVersion:
    """A version as a commit has it; `identity` is Git's hash of its folder."""

    name: str
    version: int
    card: Mapping[str, Any]
    golden: Mapping[str, Any]
    identity: str


@dataclass(frozen=True)
class ChangedPrediction:
    """A golden picture that two versions answer otherwise; probabilities by label."""

    picture: str
    before: Mapping[str, float]
    after: Mapping[str, float]

    @property
    def flips(self) -> bool:
        """Tell whether the most probable label is another one."""
        return _top(self.before) != _top(self.after)

    @property
    def largest(self) -> float:
        """Give the largest change of a probability."""
        return max(
            abs(self.after.get(label, 0.0) - self.before.get(label, 0.0)) for label in {**self.before, **self.after}
        )

    def words(self) -> tuple[str, str]:
        """Write the most probable label of both, with its probability."""
        return tuple(f"{_top(side)} {side[_top(side)]:.3f}" for side in (self.before, self.after))  # type: ignore[return-value]


def served(repository: GitRepository, commit: str, config: config_pb2.ModelServerConfig) -> list[ModelVersion]:
    """Give the newest version of each listed model that is served at a commit.

    Raises: Refused for a model or version that the commit does not hold whole.
    """
    return [_read(repository, commit, model) for model in config.model_config_list.config]


def versions_at(repository: GitRepository, commit: str, names: Sequence[str]) -> dict[str, int]:
    """Give the newest version of each model that a commit holds."""
    found = {name: _numbers(repository, commit, name) for name in names}
    return {name: max(numbers) for name, numbers in found.items() if numbers}


def version_at(repository: GitRepository, commit: str, name: str, version: int) -> ModelVersion:
    """Give a version that a commit holds. Raises: Refused for one without card or goldens."""
    folder = f"{FOLDER}/{name}/{version}"
    card, golden = (_json(repository, commit, f"{folder}/{kind}.json") for kind in ("card", "golden"))
    return ModelVersion(name, version, card, golden, repository.identity(commit, folder))


def changed_predictions(old: ModelVersion, new: ModelVersion) -> tuple[list[ChangedPrediction], int]:
    """Compare the goldens of two versions of a model, picture by picture.

    Returns: those whose label changes, or a probability by more than the tolerance; and how many pictures both have.
    """
    before, after = (_by_picture(one.golden) for one in (old, new))
    tolerance = float(new.golden["tolerance"])
    both = [key for key in after if key in before]
    pairs = [ChangedPrediction(after[key][0], before[key][1], after[key][1]) for key in both]
    return [pair for pair in pairs if pair.flips or pair.largest > tolerance], len(both)


def accuracy(version: ModelVersion) -> str:
    """Write a card's accuracy with its interval, and how it was measured."""
    metrics = version.card.get("metrics") or {}
    found = metrics.get("accuracy") or {}
    if "value" not in found:
        return "the card has none"
    interval = f"{found['low']:.3f} to {found['high']:.3f}"
    return f"{found['value']:.3f} ({interval}; {metrics.get('split', '?')}, {found['n']} pictures)"


def _read(repository: GitRepository, commit: str, model: config_pb2.ModelConfig) -> ModelVersion:
    numbers = _numbers(repository, commit, model.name)
    chosen = list(model.model_version_policy.specific.versions) or numbers
    if missing := sorted(set(chosen) - set(numbers)) or ([] if numbers else ["any"]):
        raise Refused(
            f"the list of models has {model.name}, of which {commit[:10]} holds no version {missing[0]} under {FOLDER}"
        )
    return version_at(repository, commit, model.name, max(chosen))


def _numbers(repository: GitRepository, commit: str, name: str) -> list[int]:
    return sorted(int(found) for found in repository.names(commit, f"{FOLDER}/{name}") if found.isdigit())


def _json(repository: GitRepository, commit: str, path: str) -> Mapping[str, Any]:
    text = repository.text(commit, path)
    if text is None:
        raise Refused(f"{commit[:10]} has no {path}: a version without it cannot be judged, so it is not promoted")
    try:
        found: Mapping[str, Any] = json.loads(text)
    except ValueError as error:
        raise Refused(f"{path} of {commit[:10]} is no JSON: {error}") from error
    return found


def _by_picture(golden: Mapping[str, Any]) -> dict[str, tuple[str, dict[str, float]]]:
    return {
        picture["sha256"]: (picture["file"], dict(zip(golden["labels"], picture["probabilities"], strict=True)))
        for picture in golden["pictures"]
    }


def _top(probabilities: Mapping[str, float]) -> str:
    return max(probabilities, key=lambda label: probabilities[label])
