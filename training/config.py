"""What an experiment is: one frozen record that a module in `training/configs/` fills in."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import import_module, util
from typing import Literal

from training.data import SPLITS, Split

Estimate = Literal["test", "cross-validation"]
Precision = Literal["auto", "float32", "mixed_float16", "mixed_bfloat16"]


@dataclass(frozen=True)
class Config:
    """Everything that decides what comes out of a training run, apart from the pictures.

    Args:
        name, version: where the model goes, `apps/model-server/models/<name>/<version>`.
        task: one sentence for the model card.
        labels: class names (the folders' names) in the order of the probabilities.
        data_name, source: what the pictures are called and where they come from, for the card.
        dataset: name of the data set that is fetched where no --data is given; none if None.
        intended_use, limits: sentences for the card.
        backbone: a key of `training.backbones.BACKBONES`.
        size: input height and width of the exported model, pixels.
        train_size: height and width of the crops in training, pixels; smaller than `size`, because a random crop shows
            things larger than the whole picture does (Touvron et al., arXiv:1906.06423), and faster.
        inner_size: height and width that the graph enlarges small pictures to, pixels; none if None.
        weights: "imagenet", the path of a weights file, or None for random ones.
        inner_layer: units of a hidden layer before the logits; none if None.
        head_rate: learning rate at which the head is fitted to frozen features.
        augmentation: a key of `training.augment.STRENGTHS`.
        class_weights: weigh each picture by the inverse of its class's share.
        epochs: of fine-tuning; 0 leaves the backbone frozen and fits the head alone.
        batch, learning_rate, weight_decay, ema: AdamW, cosine schedule with warm-up, averaged weights.
        tuned_share: how much of the weights that come out is fine-tuned, in 0..1; the rest is what they were before.
            Between the two there is often something better than either (Wortsman et al., arXiv:2109.01903).
        patience: epochs without a better validation loss before fine-tuning stops and goes back; never if None.
        dropout, label_smoothing: regularisation of the head.
        teachers, teacher_share: backbones whose frozen features teach, and their share of the target in 0..1.
        precision: of fine-tuning; "auto" is mixed_float16 on a GPU with tensor cores, else float32.
        estimate: how good the model is said to be: "test" fits on `fit_splits` and judges on the test split;
            "cross-validation" judges each picture by a model that was fitted without it, and then fits on all of them.
        folds: of cross-validation.
        fit_splits: the splits that weights are fitted on where the estimate is "test".
        temperature: the logits are divided by it in the exported graph; fitted on pictures held out if None.
        seed: of weights, order and augmentation.
    """

    name: str
    version: int
    task: str
    labels: Sequence[str]
    data_name: str
    source: str
    intended_use: str
    limits: Sequence[str]
    dataset: str | None = None
    backbone: str = "efficientnet-lite0"
    size: int = 224
    train_size: int = 192
    inner_size: int | None = None
    weights: str | None = "imagenet"
    inner_layer: int | None = None
    head_rate: float = 1e-3
    augmentation: str = "standard"
    class_weights: bool = False
    epochs: int = 6
    batch: int = 32
    learning_rate: float = 1.5e-4
    weight_decay: float = 1e-2
    ema: float = 0.98
    tuned_share: float = 1.0
    patience: int | None = None
    dropout: float = 0.2
    label_smoothing: float = 0.05
    teachers: Sequence[str] = ()
    teacher_share: float = 0.5
    precision: Precision = "auto"
    estimate: Estimate = "test"
    folds: int = 5
    fit_splits: Sequence[Split] = ("train",)
    temperature: float | None = None
    seed: int = 1


class ConfigError(ValueError):
    """There is no such experiment, or it asks for something that makes no sense."""


def load_config(name: str) -> Config:
    """Return `CONFIG` of `training/configs/<name>.py`; raise ConfigError if there is none or it makes no sense."""
    config = read_config(name)
    check(config)
    return config


def read_config(name: str) -> Config:
    """Return the same without asking whether it makes sense, for which TensorFlow has to be waited for."""
    module = f"training.configs.{name.replace('-', '_')}"
    if not name.replace("-", "_").isidentifier() or util.find_spec(module) is None:
        raise ConfigError(f"There is no experiment {name!r}: no file {module.replace('.', '/')}.py.")
    config = getattr(import_module(module), "CONFIG", None)
    if not isinstance(config, Config):
        raise ConfigError(f"{module}.CONFIG is not a training.config.Config.")
    return config


def check(config: Config) -> None:
    """Refuse an experiment that makes no sense, before minutes are spent on it; raise ConfigError, naming the field."""
    from training.augment import STRENGTHS
    from training.backbones import BACKBONES

    def need(field: str, rule: str, *, holds: bool) -> None:
        if not holds:
            raise ConfigError(f"{config.name}: {field} is {getattr(config, field)!r}; {rule}.")

    need("fit_splits", "the test split is not for fitting, its accuracy would be worthless",
         holds="test" not in config.fit_splits and set(config.fit_splits) <= set(SPLITS))  # fmt: skip
    need("estimate", "choose test or cross-validation", holds=config.estimate in ("test", "cross-validation"))
    need("labels", "two or more different names are needed", holds=len(set(config.labels)) == len(config.labels) > 1)
    need("backbone", f"there are {', '.join(BACKBONES)}", holds=config.backbone in BACKBONES)
    need("teachers", f"there are {', '.join(BACKBONES)}", holds=set(config.teachers) <= set(BACKBONES))
    need("augmentation", f"there are {', '.join(STRENGTHS)}", holds=config.augmentation in STRENGTHS)
    for field in ("version", "size", "train_size", "batch", "learning_rate", "head_rate"):
        need(field, "it has to be above 0", holds=getattr(config, field) > 0)
    for field in ("dropout", "label_smoothing", "teacher_share", "ema"):
        need(field, "it has to be at least 0 and below 1", holds=0 <= getattr(config, field) < 1)
    need("tuned_share", "it has to be above 0 and at most 1; random weights are not worth a share",
         holds=config.tuned_share == 1 or (0 < config.tuned_share < 1 and config.weights is not None))  # fmt: skip
    need("folds", "at least 2 are needed", holds=config.folds >= 2)  # noqa: PLR2004 - one fold has nothing to fit on
    need("epochs", "0 is a frozen backbone, which needs weights that it was trained with",
         holds=config.epochs > 0 or (config.epochs == 0 and config.weights is not None))  # fmt: skip
    need("patience", "early stopping watches the validation split, so that may not be fitted on",
         holds=config.patience is None
         or (config.estimate == "test" and "validation" not in config.fit_splits))  # fmt: skip
    need("temperature", "with the validation split fitted on, give the one that a run on the train split found",
         holds=config.temperature is not None or config.estimate == "cross-validation"
         or "validation" not in config.fit_splits)  # fmt: skip


def smoke(config: Config, backbone: str | None = None) -> Config:
    """Shrink an experiment so that it runs in about a minute, with no weights to install.

    Args:
        config: the experiment.
        backbone: another one to try; the experiment's own if None.
    """
    from training.backbones import BACKBONES

    name = backbone or config.backbone
    if name not in BACKBONES:
        raise ConfigError(f"There is no backbone {name!r}; there are {', '.join(BACKBONES)}.")
    # Below 75 px Xception and InceptionV3 refuse to be built.
    size = config.size if config.size < 64 else 80  # noqa: PLR2004
    inner_size = 80 if size < BACKBONES[name].smallest else None
    return replace(
        config, version=1, backbone=name, weights=None, teachers=(), size=size, train_size=size,
        inner_size=inner_size,
        epochs=2, batch=16, learning_rate=1e-3, tuned_share=1.0, patience=None, estimate="test",
        fit_splits=("train",), temperature=None,
    )  # fmt: skip
