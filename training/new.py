"""Add a classifier to the repository, whole or not at all: train, prove, export, and enter it where servers look."""

import keyword
import re
import shutil
import statistics
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from tools.models import NAME, read_list, update_list
from training.config import Config, ConfigError, check
from training.data import sources

_RESERVED = {
    "gateway": "an app has that name",
    "model-server": "an app has that name",
    "cache": "runs/cache keeps decoded pictures",
}
_RUN_ENDINGS = ("-folds", "-tune", "-ablation")  # runs/<config>-tune and the like belong to other verbs
_TINY_PX, _ENLARGED = 48, 4
_LOOKED_AT = 60  # pictures whose size is read


class NewError(ValueError):
    """The classifier cannot be added; the message says why, and nothing was changed."""


@dataclass(frozen=True)
class Repository:
    """Where a classifier's parts go; `root` is the working tree."""

    root: Path

    @property
    def configs(self) -> Path:
        """Experiments, one module each."""
        return self.root / "training" / "configs"

    @property
    def models(self) -> Path:
        """Model versions by contract 1."""
        return self.root / "apps" / "model-server" / "models"

    @property
    def list(self) -> Path:
        """What the images serve."""
        return self.models.with_name("models.config")

    @property
    def runs(self) -> Path:
        """Working folders of trainings; never committed."""
        return self.root / "runs"

    def config_file(self, name: str) -> Path:
        """Say which file the experiment of that name is."""
        return self.configs / f"{name.replace('-', '_')}.py"


def check_name(name: str, repository: Repository) -> None:
    """Refuse a name that is taken, or that a Service, a folder or a Python module cannot have; raise NewError."""
    if not re.fullmatch(NAME, name):
        raise NewError(
            f"{name!r} cannot be a model's name: it takes 1 to 63 of a-z, 0-9 and -, first a letter, last no -."
        )
    if keyword.iskeyword(name):
        raise NewError(f"{name!r} cannot be a model's name: it is a word of Python, which no module may be called.")
    if reason := _RESERVED.get(name):
        raise NewError(f"{name!r} cannot be a model's name: {reason}.")
    if ending := next((e for e in _RUN_ENDINGS if name.endswith(e)), None):
        raise NewError(f"{name!r} cannot be a model's name: the folder runs/...{ending} belongs to another verb.")
    if not repository.configs.is_dir() or not repository.models.is_dir():
        raise NewError(f"{repository.root} is no working tree of this project: {repository.configs} is missing.")
    taken = [path for path in (repository.models / name, repository.config_file(name)) if path.exists()]
    if taken:
        raise NewError(f"There is a {name!r} already: {taken[0]}. A new version of it is `version` in its config.")
    if name in [model.name for model in read_list(repository.list).model_config_list.config]:
        raise NewError(f"{repository.list} names a {name!r} already, though it has no model. Run: make models")


def recipe(
    name: str,
    source: Path,
    *,
    backbone: str | None = None,
    size: int | None = None,
    epochs: int | None = None,
    quick: bool = False,
    weights: str | None = "imagenet",
    task: str | None = None,
    origin: str | None = None,
) -> Config:
    """Choose how to train a classifier on pictures that nobody has looked at yet.

    Args:
        name: of the model.
        source: a folder with one folder per class, or a CSV file.
        backbone: a key of BACKBONES; EfficientNet-Lite0 if None.
        size: input height and width, pixels; if None the backbone's own, or the pictures' where they are tiny: those
            are enlarged inside the graph (training/configs/fashion_mnist.py says what that is worth).
        epochs: of fine-tuning; what suits the backbone if None.
        quick: leave the backbone frozen and fit the head alone.
        weights: "imagenet", a file, or None for random ones.
        task: what the model says, one sentence for the card.
        origin: where the pictures come from, for the card.
    Raises: sources.DataError for a source without classes; ExportError for class names that no model may have; NewError
        or ConfigError for choices that make no sense.
    """
    from training.artefact.writer import check_labels
    from training.backbones import BACKBONES

    listed = sources.read(source)
    check_labels(listed.labels, len(listed.labels))  # as the export would, after the training
    seen = _median_size(listed.files)
    tiny = 0 < seen <= _TINY_PX
    backbone = backbone or "efficientnet-lite0"
    if backbone not in BACKBONES:
        raise NewError(f"There is no backbone {backbone!r}; there are {', '.join(BACKBONES)}.")
    known = BACKBONES[backbone]
    if not known.imagenet and weights == "imagenet":
        weights = None
    if quick and weights is None:
        raise NewError(f"--quick fits a head on features that are there already, and {backbone} has no weights here.")
    side = size or (round(seen) if tiny else known.size)
    inner = _ENLARGED * side if tiny and known.imagenet else None
    usual = (30 if tiny else 8) if weights else 40
    classes = ", ".join(listed.labels)
    config = Config(
        name=name,
        version=1,
        task=task or f"Say which of {len(listed.labels)} classes a picture shows: {classes}.",
        labels=listed.labels,
        data_name=source.stem,
        source=origin or f"{source.name}, collected by the maintainers of this model",
        intended_use="Pictures like those that it was trained on.",
        limits=(
            f"Answers one of {len(listed.labels)} classes for any picture, also for one that shows none of them.",
            "Its pictures come from one collection; other cameras, places and habits are untested.",
        ),
        backbone=backbone,
        size=side,
        # A random crop shows things larger than the whole picture does (see Config.train_size).
        train_size=side if tiny else max(known.smallest, round(side * 6 / 7 / 16) * 16),
        inner_size=inner,
        weights=weights,
        augmentation="small" if tiny else "standard",
        epochs=0 if quick else usual if epochs is None else epochs,
        learning_rate=(3e-4 if tiny else 1.5e-4) if weights else 1e-3,
    )
    check(config)
    return config


def add(
    config: Config, source: Path, repository: Repository, cache: Path | None, drop: str | None = None
) -> tuple[Path, dict[str, Any]]:
    """Train and export a classifier, and write its experiment and its entry in the server's list.

    A killed call goes on where it stopped. After a failure nothing is left but the run's folder, which the next call
    takes up.

    Args:
        config: what `recipe` chose, or something like it.
        source: its pictures.
        repository: where to add it.
        cache: folder for decoded tensors; none if None.
        drop: list of pictures to leave out, or "auto".
    Returns: the model version's directory, and how good it is, as the record's `estimate` says.
    Raises: NewError; what `training.train.train` and `training.artefact.export.export` raise.
    """
    # Imported here: a name that is taken is refused before TensorFlow is waited for.
    from training.artefact.export import export
    from training.config_file import config_text
    from training.train import train

    check_name(config.name, repository)
    _refuse_too_large(config)
    run = repository.runs / config.name
    record = train(config, source, run, cache, drop=drop)
    counts = [sum(row) for row in record["estimate"]["confusion_matrix"]]  # of the pictures that it was judged by
    accuracy, chance = record["estimate"]["accuracy"]["value"], round(max(counts) / sum(counts), 4)
    if accuracy <= chance:
        raise NewError(
            f"The model is right in {accuracy:.1%} of pictures, and always saying the largest class would be in "
            f"{chance:.1%}: it was not added. Look at the pictures (`training explore`), or train longer."
        )
    with ExitStack() as undo:
        # Read by the servers last: until the list names it, nobody deploys it.
        kept = repository.list.read_bytes() if repository.list.exists() else None
        undo.callback(_forget, config.name, repository, kept)
        version = export(run, repository.models)
        _write(repository.config_file(config.name), config_text(config, record))
        update_list(repository.list)
        undo.pop_all()
    return version, record["estimate"]


def _forget(name: str, repository: Repository, kept: bytes | None) -> None:
    """Take everything back; `kept` is what the list was before."""
    shutil.rmtree(repository.models / name, ignore_errors=True)
    repository.config_file(name).unlink(missing_ok=True)
    if kept is None:
        repository.list.unlink(missing_ok=True)
    else:
        repository.list.write_bytes(kept)


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def _refuse_too_large(config: Config) -> None:
    """Refuse before hours of training what `export` would refuse after them."""
    from training.artefact.export import MAX_FILE_BYTES
    from training.fit import build_classifier

    size = 4 * build_classifier(config, config.size, None).count_params()  # float32
    if size > MAX_FILE_BYTES:
        raise ConfigError(
            f"{config.backbone} has {size / 1e6:.0f} MB of weights, and a file of more than {MAX_FILE_BYTES / 1e6:.0f} "
            "MB does not go into Git. Choose a smaller backbone, or train it by an experiment of your own and deliver "
            "it as an image: python -m training export --help."
        )


def _median_size(files: tuple[sources.Listed, ...]) -> float:
    """Look at some pictures' longest sides, in pixels; broken ones are the audit's business."""
    sides = []
    for listed in files[:: max(1, len(files) // _LOOKED_AT)]:
        with suppress(OSError, ValueError, Image.DecompressionBombError), Image.open(listed.path) as picture:
            sides.append(max(picture.size))
    return statistics.median(sides) if sides else 0.0
