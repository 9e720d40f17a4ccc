"""What an experiment is: one frozen record that a module in `training/configs/` fills in."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import import_module, util

from training.data import Split


@dataclass(frozen=True)
class Config:
    """Everything that decides what comes out of a training run, apart from the pictures.

    Args:
        name, version: where the model goes, `apps/model-server/models/<name>/<version>`.
        task: one sentence for the model card.
        labels: class names (the folders' names) in the order of the probabilities.
        data_name, source: what the pictures are called and where they come from, for the card.
        backbone: a key of `training.backbones.VARIANTS`.
        size: input height and width of the exported model, pixels.
        train_size: height and width of the crops in training, pixels; smaller than `size`, because a random crop shows
            things larger than the whole picture does (Touvron et al., arXiv:1906.06423), and faster.
        weights: "imagenet", or None for random ones (smoke runs).
        fit_splits: the splits that weights are fitted on; "test" never is.
        epochs, batch, learning_rate, weight_decay, ema: fine-tuning with AdamW, cosine schedule and averaged weights.
        dropout, label_smoothing: regularisation of the head.
        teacher, teacher_share: backbone whose frozen features teach, and its share of the target in 0..1.
        temperature: the logits are divided by it in the exported graph; fitted on the validation split.
        seed: of weights, order and augmentation.
        intended_use, limits: sentences for the card.
    """

    name: str
    version: int
    task: str
    labels: Sequence[str]
    data_name: str
    source: str
    intended_use: str
    limits: Sequence[str]
    backbone: str = "efficientnet-lite0"
    size: int = 224
    train_size: int = 192
    weights: str | None = "imagenet"
    fit_splits: Sequence[Split] = ("train",)
    epochs: int = 6
    batch: int = 32
    learning_rate: float = 1.5e-4
    weight_decay: float = 1e-2
    ema: float = 0.98
    dropout: float = 0.2
    label_smoothing: float = 0.05
    teacher: str | None = None
    teacher_share: float = 0.5
    temperature: float = 1.0
    seed: int = 1


class ConfigError(ValueError):
    """There is no such experiment, or it asks for something that makes no sense."""


def load_config(name: str) -> Config:
    """Return `CONFIG` of `training/configs/<name>.py`; raise ConfigError if there is none."""
    module = f"training.configs.{name.replace('-', '_')}"
    if not name.replace("-", "_").isidentifier() or util.find_spec(module) is None:
        raise ConfigError(f"There is no experiment {name!r}: no file {module.replace('.', '/')}.py.")
    config = import_module(module).CONFIG
    if not isinstance(config, Config):
        raise ConfigError(f"{module}.CONFIG is not a training.config.Config.")
    if "test" in config.fit_splits:
        raise ConfigError(f"{module} fits on the test split, which would make its accuracy worthless.")
    return config


def smoke(config: Config) -> Config:
    """Shrink an experiment so that it runs in about a minute, with no weights to install."""
    return replace(
        config, weights=None, teacher=None, size=64, train_size=64, epochs=2, batch=16, learning_rate=1e-3, version=1
    )
