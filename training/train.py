"""Train a classifier in two phases: a head on the frozen backbone's features, then everything but batch norm."""

import dataclasses
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from training import data, metrics, provenance
from training.augment import augmented
from training.backbones import VARIANTS, build_backbone
from training.config import Config

_HEAD_EPOCHS, _HEAD_RATE, _HEAD_DECAY = 40, 1e-3, 3e-2
_FOLDS = 5
_MARGIN = 8 / 7  # decoded larger than trained, so that a crop still has pixels to show
WEIGHTS_FILE, RECORD_FILE = "model.weights.h5", "run.json"


class Progress(keras.callbacks.Callback):
    """Show one bar for a whole fit, with the loss of the running epoch."""

    def __init__(self, what: str, steps: int) -> None:
        super().__init__()
        self._bar = tqdm(total=steps, desc=what, unit="step", disable=None)

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Start where an interrupted run stopped."""
        del logs
        self._bar.n = int(self.model.optimizer.iterations.numpy())

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Advance by one step."""
        del batch
        self._bar.update(1)
        self._bar.set_postfix({k: f"{v:.3f}" for k, v in (logs or {}).items()}, refresh=False)

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        """Leave the full bar on the screen."""
        del logs
        self._bar.close()


def build_classifier(config: Config, size: int, weights: str | None) -> keras.Model:
    """Build backbone and head: `image` float32[N, size, size, 3] in 0..255 -> logits float32[N, K]."""
    backbone = build_backbone(config.backbone, size, weights)
    dropped = keras.layers.Dropout(config.dropout, seed=config.seed, name="dropout")(backbone.output)
    logits = keras.layers.Dense(len(config.labels), name="logits")(dropped)
    model = keras.Model(backbone.input, logits, name=config.name.replace("-", "_"))
    for layer in model.layers:
        # Only this keeps statistics as they are: `training=False` is overridden by fit (Keras 3).
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = weights is None
    return model


def extract(backbone: str, images: np.ndarray, weights: str | None, *, mirrored: bool = False) -> np.ndarray:
    """Return the frozen backbone's features, float32[N, F]; averaged over the mirrored picture if `mirrored`."""
    model = build_backbone(backbone, images.shape[1], weights)
    features = predict(model, images, f"features of {backbone}")
    if mirrored:
        features = (features + predict(model, images[:, :, ::-1], f"features of {backbone}, mirrored")) / 2
    return features


def predict(model: keras.Model, images: np.ndarray, what: str, batch: int = 32) -> np.ndarray:
    """Run a model in training code on uint8[N, H, W, 3] pictures, with a progress bar."""
    call = tf.function(lambda x: model(x, training=False), reduce_retracing=True)
    starts = tqdm(range(0, len(images), batch), desc=what, unit="batch", disable=None, leave=False)
    return np.concatenate([call(tf.cast(images[i : i + batch], tf.float32)).numpy() for i in starts])


def fit_head(features: np.ndarray, targets: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Fit a linear soft-max head to standardised features.

    Args:
        features: float32[N, F].
        targets: float32[N, K], rows sum to 1.
        seed: of the order of batches.
    Returns: kernel float32[F, K] and bias float32[K] that act on the features as they are.
    """
    mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-3
    head = keras.Sequential([keras.Input(features.shape[1:]), keras.layers.Dense(targets.shape[1], "linear")])
    head.layers[0].kernel.assign(np.zeros_like(head.layers[0].kernel))
    steps = _HEAD_EPOCHS * -(-len(features) // 64)
    rate = keras.optimizers.schedules.CosineDecay(_HEAD_RATE, steps)
    # AdamW's decay is scaled by the rate: over the schedule it shrinks weights as an L2 penalty does.
    optimizer = keras.optimizers.AdamW(rate, weight_decay=_HEAD_DECAY / _HEAD_RATE)
    head.compile(optimizer, keras.losses.CategoricalCrossentropy(from_logits=True), jit_compile=False)
    keras.utils.set_random_seed(seed)
    head.fit((features - mean) / scale, targets, batch_size=64, epochs=_HEAD_EPOCHS, verbose=0)
    kernel, bias = head.get_weights()
    kernel = kernel / scale[:, None]
    return kernel, bias - mean @ kernel


def teach(config: Config, examples: Sequence[data.Example], targets: np.ndarray, cache: Path | None) -> np.ndarray:
    """Blend the true classes with what a teacher says of pictures that its head was not fitted on.

    The teacher's backbone is frozen; its head is fitted five times, each time without the pictures it then judges
    (cross-fitting), so it cannot repeat the labels that it saw. Distillation: Hinton et al., arXiv:1503.02531.

    Returns: float32[N, K] targets, rows sum to 1.
    """
    if config.teacher is None:
        return targets
    images = data.load(examples, VARIANTS[config.teacher].size, cache)
    features = extract(config.teacher, images, config.weights, mirrored=True)
    folds = np.array([int(e.sha256[8:16], 16) % _FOLDS for e in examples])
    taught = np.empty_like(targets)
    for fold in range(_FOLDS):
        kernel, bias = fit_head(features[folds != fold], targets[folds != fold], config.seed)
        taught[folds == fold] = metrics.softmax(features[folds == fold] @ kernel + bias)
    agreement = float((taught.argmax(axis=1) == targets.argmax(axis=1)).mean())
    print(f"Teacher {config.teacher}: agrees with {agreement:.4f} of the labels that it did not see.")
    return (1 - config.teacher_share) * targets + config.teacher_share * taught


def train(config: Config, folder: Path, run: Path, cache: Path | None = None) -> dict[str, Any]:
    """Train a classifier and write its weights and record to a run's folder.

    A killed run goes on from its last whole epoch when started again with the same folder.

    Args:
        config: the experiment.
        folder: one folder per class; `config.labels` names them.
        run: folder for weights, checkpoints and the record; made if it is not there.
        cache: folder for decoded tensors; none if None.
    Returns: the record, as written to `run/run.json`.
    Raises: data.DataError for pictures that cannot be trained on; backbones.WeightsError without ImageNet weights.
    """
    started, commit = time.monotonic(), provenance.git_commit()
    examples, labels = data.scan(folder, config.labels)
    final, history = fit(config, [e for e in examples if e.split in config.fit_splits], run, cache)
    record = {
        "config": dataclasses.asdict(config),
        "counts": data.counts(examples, labels),
        "content_sha256": data.content_hash(examples, labels),
        "git_commit": commit,
        "libraries": provenance.libraries(),
        "minutes": round((time.monotonic() - started) / 60, 1),
        "history": history,
        "metrics": judge(final, config, examples, cache),
    }
    (run / RECORD_FILE).write_text(json.dumps(record, indent=1) + "\n")
    return record


def fit(
    config: Config, examples: Sequence[data.Example], run: Path, cache: Path | None = None
) -> tuple[keras.Model, dict[str, list[float]]]:
    """Fit a classifier to examples and write its weights to a run's folder.

    Returns: model `image` float32[N, size, size, 3] in 0..255 -> logits float32[N, K], and Keras' history.
    Raises: as `train`.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    keras.utils.set_random_seed(config.seed)
    targets = teach(config, examples, data.one_hot(examples, len(config.labels)), cache)
    model = build_classifier(config, config.train_size, config.weights)
    if config.weights is not None:
        whole = data.load(examples, config.size, cache)
        kernel, bias = fit_head(extract(config.backbone, whole, config.weights), targets, config.seed)
        model.get_layer("logits").set_weights([kernel, bias])
    images = data.load(examples, round(config.train_size * _MARGIN), cache)
    history = _fine_tune(model, config, images, targets, run)
    final = build_classifier(config, config.size, None)
    final.set_weights(model.get_weights())
    run.mkdir(parents=True, exist_ok=True)
    final.save_weights(run / WEIGHTS_FILE)
    return final, history


def _fine_tune(
    model: keras.Model, config: Config, images: np.ndarray, targets: np.ndarray, run: Path
) -> dict[str, list[float]]:
    steps = -(-len(images) // config.batch) * config.epochs
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, steps - steps // 10, warmup_target=config.learning_rate, warmup_steps=steps // 10
    )
    optimizer = keras.optimizers.AdamW(
        rate, weight_decay=config.weight_decay, use_ema=True, ema_momentum=config.ema, global_clipnorm=1.0
    )
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=config.label_smoothing)
    model.compile(optimizer, loss, jit_compile=False)  # XLA compiles convolutions for a CPU slowly and badly
    batches = augmented(images, targets, config.train_size, config.batch, config.seed)
    callbacks = [
        keras.callbacks.BackupAndRestore(str(run / "backup")),
        Progress(f"fine-tune {config.name}", steps),
    ]
    # fit ends by putting the averaged weights in the place of the last ones.
    fitted = model.fit(batches, epochs=config.epochs, callbacks=callbacks, shuffle=False, verbose=0)
    return {name: [round(float(v), 5) for v in values] for name, values in fitted.history.items()}


def judge(model: keras.Model, config: Config, examples: Sequence[data.Example], cache: Path | None) -> dict[str, Any]:
    """Measure a model on validation and test; the temperature that would suit it comes from validation alone."""
    result: dict[str, Any] = {}
    for split in data.SPLITS[1:]:
        part = [e for e in examples if e.split == split]
        if not part:
            continue
        truth = np.array([e.label for e in part])
        logits = predict(model, data.load(part, config.size, cache), f"judge on {split}")
        result[split] = metrics.summary(metrics.softmax(logits / config.temperature), truth, config.labels)
        if split == "validation":
            result["fitted_temperature"] = metrics.fit_temperature(logits, truth)
    return result
