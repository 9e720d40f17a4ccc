"""What a study varies: one dimension a name, each over choices or a range around the experiment's own value."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from training.augment import STRENGTHS
from training.backbones import BACKBONES
from training.config import Config, ConfigError, check

Value = str | int | float | None

_INNER_LAYERS = (None, 64, 256, 1024)
_SIZES = (0.5, 0.75, 1.0, 1.25)  # of the experiment's own size
_SIZE_STEP = 32  # what most backbones shrink a picture by
_ON_BOARD = ("efficientnet-lite0", "efficientnet-lite2")  # weights that come with the environment


class SpaceError(ValueError):
    """A search space that makes no sense; the message names the dimension."""


@dataclass(frozen=True)
class Dimension:
    """One thing that varies.

    Args:
        name: as users call it.
        choices: what it may be; empty for a range.
        low, high: ends of a range.
        log: whether the range is searched by orders of magnitude.
    """

    name: str
    choices: tuple[Value, ...] = ()
    low: float = 0.0
    high: float = 0.0
    log: bool = False

    def suggest(self, trial: Any) -> Value:
        """Ask an `optuna.Trial` for a value."""
        if self.choices:
            value: Value = trial.suggest_categorical(self.name, self.choices)
            return value
        return float(trial.suggest_float(self.name, self.low, self.high, log=self.log))

    def __str__(self) -> str:
        """Write it as `parse` reads it."""
        if self.choices:
            return f"{self.name}={'|'.join('none' if choice is None else str(choice) for choice in self.choices)}"
        return f"{self.name}={self.low:g}..{self.high:g}"


@dataclass(frozen=True)
class _Kind:
    """How a name relates to the experiment: which field it is, and what it may be unless the user says otherwise."""

    field: Callable[[Config, bool], str]  # of the experiment and "is the backbone frozen?"
    default: Callable[[Config, Any], Dimension]
    read: Callable[[str], Value]
    frozen: bool = True  # whether it means anything where the backbone is frozen


def _around(factor: float) -> Callable[[Config, Any], Dimension]:
    return lambda _, own: Dimension("", low=own / factor, high=own * factor, log=True)


def _sizes(config: Config, own: int) -> Dimension:
    smallest = BACKBONES[config.backbone].smallest
    steps = {max(_SIZE_STEP, round(own * share / _SIZE_STEP) * _SIZE_STEP) for share in _SIZES}
    steps = {step for step in steps if abs(step - own) > _SIZE_STEP / 2} | {own}
    return Dimension("", choices=tuple(sorted(size for size in steps if size >= smallest)))


def _backbones(config: Config, own: str) -> Dimension:
    fitting = [name for name in _ON_BOARD if (config.inner_size or config.size) >= BACKBONES[name].smallest]
    return Dimension("", choices=tuple(dict.fromkeys((own, *fitting))))


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise SpaceError(f"{text!r} is no whole number")
    return int(text)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise SpaceError(f"{text!r} is no number") from None


KINDS: Mapping[str, _Kind] = {
    "learning-rate": _Kind(lambda _, frozen: "head_rate" if frozen else "learning_rate", _around(10), _number),
    "inner-layer": _Kind(
        lambda *_: "inner_layer",
        lambda _, own: Dimension("", choices=tuple(dict.fromkeys((*_INNER_LAYERS, own)))),
        lambda text: None if text == "none" else _whole(text) or None,
    ),
    "dropout": _Kind(lambda *_: "dropout", lambda _, own: Dimension("", high=max(0.7, own)), _number),
    "augmentation": _Kind(
        lambda *_: "augmentation", lambda _, own: Dimension("", choices=tuple(dict.fromkeys((*STRENGTHS, own)))), str,
        frozen=False,
    ),
    "size": _Kind(lambda config, _: "inner_size" if config.inner_size else "size", _sizes, _whole),
    "backbone": _Kind(lambda *_: "backbone", _backbones, str),
}  # fmt: skip


@dataclass(frozen=True)
class Space:
    """The dimensions of a study around one experiment.

    Args:
        config: the experiment.
        frozen: whether the backbone stays as it is and only a head is fitted to its features.
        dimensions: what varies.
    """

    config: Config
    frozen: bool
    dimensions: tuple[Dimension, ...]

    def suggest(self, trial: Any) -> dict[str, Value]:
        """Ask an `optuna.Trial` for a value of every dimension."""
        return {dimension.name: dimension.suggest(trial) for dimension in self.dimensions}

    def own(self) -> dict[str, Value]:
        """Give the experiment's own values."""
        return {d.name: getattr(self.config, KINDS[d.name].field(self.config, self.frozen)) for d in self.dimensions}

    def apply(self, values: Mapping[str, Value]) -> Config:
        """Make the experiment with other values; the crops of training shrink and grow with the size."""
        changes: dict[str, Any] = {
            # Three digits say all that a search can know, and can be copied into an experiment.
            KINDS[name].field(self.config, self.frozen): float(f"{value:.3g}") if isinstance(value, float) else value
            for name, value in values.items()
        }
        if (size := changes.get("size")) and size != self.config.size:
            changes["train_size"] = max(1, round(self.config.train_size * size / self.config.size))
        return replace(self.config, **changes)


def parse(text: str, config: Config, *, frozen: bool) -> Space:
    """Read a search space such as "learning-rate,dropout=0.1..0.5,backbone=xception|vgg16".

    The experiment's own values are always inside, so that a study can start with them.

    Args:
        text: names separated by commas; each may say its choices (a|b) or its range (low..high).
        config: the experiment.
        frozen: whether only a head is fitted to frozen features.
    Raises: SpaceError for an unknown name or value; ConfigError for an experiment that comes out impossible.
    """
    dimensions: list[Dimension] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, values = part.partition("=")
        if name not in KINDS:
            raise SpaceError(f"There is nothing called {name!r} to tune; there are {', '.join(KINDS)}.")
        if name in [dimension.name for dimension in dimensions]:
            raise SpaceError(f"{name} is named twice.")
        if frozen and not KINDS[name].frozen:
            raise SpaceError(f"{name} changes nothing where only a head is fitted to frozen features.")
        own = getattr(config, KINDS[name].field(config, frozen))
        try:
            dimension = _explicit(values, own, KINDS[name]) if values else KINDS[name].default(config, own)
        except SpaceError as error:
            raise SpaceError(f"{part}: {error}.") from None
        dimensions.append(replace(dimension, name=name))
    if not dimensions:
        raise SpaceError(f"Name something to tune: {', '.join(KINDS)}.")
    space = Space(config, frozen, tuple(dimensions))
    for dimension in dimensions:
        for value in dimension.choices or (dimension.low, dimension.high):
            check_whole(space.apply({dimension.name: value}))
    return space


def _explicit(text: str, own: Any, kind: _Kind) -> Dimension:
    if ".." not in text:
        read: Sequence[Value] = [kind.read(choice.strip()) for choice in text.split("|")]
        return Dimension("", choices=tuple(dict.fromkeys((*read, own))))
    ends = re.fullmatch(r"(.+?)\.\.(.+)", text)
    if kind.read is not _number or ends is None:
        raise SpaceError("a range low..high is for the learning rate and dropout")
    low, high = sorted(_number(end) for end in ends.groups())
    low, high = min(low, own), max(high, own)
    return Dimension("", low=low, high=high, log=low > 0 and high / low > 10)  # noqa: PLR2004 - over an order of magnitude


def check_whole(config: Config) -> None:
    """Refuse what cannot be built, such as a backbone at a size that it does not take; raise ConfigError."""
    check(config)
    known = BACKBONES[config.backbone]
    if config.weights == "imagenet" and not known.imagenet:
        raise ConfigError(f"{config.backbone} has no ImageNet weights, which {config.name} starts from.")
    # The crops of training may be the smallest that a backbone is asked to take.
    smallest = config.inner_size or min(config.size, config.train_size)
    if smallest < known.smallest:
        raise ConfigError(f"{config.backbone} takes pictures of {known.smallest} px and more, not {smallest}.")
