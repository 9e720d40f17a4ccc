"""What must answer: the models, versions and labels of the model servers' list, with the goldens of each version."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from google.protobuf import text_format

from gateway.goldens import Golden, GoldenError, read_golden
from serving_api import config_pb2


class ExpectationError(ValueError):
    """What is to be expected cannot be read, so nothing can be verified."""


@dataclass(frozen=True)
class Expected:
    """One model: its versions' goldens, newest first, and the version that each label leads to.

    No goldens: it only has to be available.
    """

    name: str
    goldens: Sequence[Golden]
    labels: Mapping[str, int]


def read_expected(
    models_config: Path | None, names: Sequence[str], folder: Path, without_goldens: frozenset[str]
) -> list[Expected]:
    """Read what the list asks for.

    Args:
        models_config: the model servers' list.
        names: models to verify where there is no list, each its newest version.
        folder: goldens, `NAME/VERSION/golden.json`.
        without_goldens: models that have none.
    Raises: ExpectationError for a list or goldens that cannot be read, or goldens that are missing.
    """
    listed = _read_list(models_config) if models_config else [config_pb2.ModelConfig(name=name) for name in names]
    if not listed:
        raise ExpectationError(f"{models_config} lists no model")
    return [
        Expected(model.name, [], {}) if model.name in without_goldens else _expect(model, folder) for model in listed
    ]


def _read_list(path: Path) -> Sequence[config_pb2.ModelConfig]:
    try:
        config = text_format.Parse(path.read_text(encoding="utf-8"), config_pb2.ModelServerConfig())
    except (OSError, UnicodeDecodeError, text_format.ParseError) as error:
        raise ExpectationError(f"{path} cannot be read as a list of models: {error}") from error
    return list(config.model_config_list.config)


def _expect(model: config_pb2.ModelConfig, folder: Path) -> Expected:
    there = {
        int(path.parent.name): path.parent
        for path in (folder / model.name).glob("*/golden.json")
        if path.parent.name.isdigit()
    }
    versions = _versions(model, sorted(there, reverse=True))
    if missing := [str(version) for version in versions if version not in there]:
        raise ExpectationError(
            f"{folder} holds no goldens of {model.name} version {', '.join(missing)}: this image is older than the "
            "list of models. Build it anew."
        )
    if not versions:
        raise ExpectationError(
            f"{folder} holds no goldens of {model.name}: build the image anew, or say --without-goldens {model.name}."
        )
    try:
        return Expected(model.name, [read_golden(there[version]) for version in versions], dict(model.version_labels))
    except GoldenError as error:
        raise ExpectationError(str(error)) from error


def _versions(model: config_pb2.ModelConfig, there: Sequence[int]) -> Sequence[int]:
    """Give the versions that the list has served, newest first, `there` being all that exist."""
    policy = model.model_version_policy
    chosen = policy.WhichOneof("policy_choice")
    if chosen == "specific":
        return sorted(policy.specific.versions, reverse=True)
    if chosen == "all":
        return there
    return there[: policy.latest.num_versions or 1]
