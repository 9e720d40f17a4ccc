"""Fit a classifier in two phases: a head on the frozen backbone's features, then everything but batch norm."""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from training import data
from training.augment import augmented
from training.backbones import build_backbone
from training.checkpoints import Checkpoints, Progress
from training.config import Config
from training.heads import attach, fit_head, teach
from training.pictures import Pictures
from training.tracking import Tracker, tensorboard

WEIGHTS_FILE = "model.weights.h5"
_MARGIN = 8 / 7  # decoded larger than trained, so that a crop still has pixels to show
_TENSOR_CORES_FROM = (7, 0)  # NVIDIA's compute capability


def build_classifier(config: Config, size: int, weights: str | None) -> keras.Model:
    """Build backbone and head in one flat graph.

    Args:
        config: the experiment.
        size: input height and width, pixels.
        weights: of the backbone, as `build_backbone` takes them.
    Returns: `image` float32[N, size, size, 3] in 0..255 -> logits float32[N, K].
    """
    backbone = build_backbone(config.backbone, config.inner_size or size, weights, resize_from=size)
    model = keras.Model(backbone.input, attach(backbone.output, config), name=config.name.replace("-", "_"))
    for layer in model.layers:
        # Only this keeps statistics as they are: `training=False` is overridden by fit (Keras 3).
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = weights is None
    return model


def fit(
    config: Config,
    pictures: Pictures,
    run: Path,
    validation: Pictures | None = None,
    tracker: Tracker | None = None,
) -> tuple[keras.Model, list[dict[str, float]]]:
    """Fit a classifier to pictures and write its weights to a run's folder.

    Args:
        config: the experiment.
        pictures: what weights are fitted on.
        run: folder for checkpoints and weights.
        validation: pictures for early stopping, which looks at them only if `config.patience` is set.
        tracker: who is told of every epoch.
    Returns: model `image` float32[N, size, size, 3] in 0..255 -> logits float32[N, K], and the figures of each epoch.
    Raises: as `train`.
    """
    if len(np.unique(pictures.labels)) < len(config.labels):
        missing = [name for k, name in enumerate(config.labels) if k not in pictures.labels]
        raise data.DataError(f"No picture to fit on of {', '.join(missing)}: the classes are too small for the split.")
    keras.utils.set_random_seed(config.seed)
    truth = data.one_hot(pictures.examples, len(config.labels))
    weights = class_weights(pictures.labels, len(config.labels)) if config.class_weights else None
    targets = teach(config, pictures, truth)
    keras.config.set_dtype_policy(precision(config) if config.epochs else "float32")
    try:
        model = build_classifier(config, config.train_size, config.weights)
    finally:
        keras.config.set_dtype_policy("float32")
    if config.weights is not None:
        features = pictures.features(config.backbone, config.size, config.weights, inner_size=config.inner_size)
        head = fit_head(features, targets, config, weights)
        names = ["inner", "logits"] if config.inner_layer else ["logits"]
        for name, values in zip(names, head, strict=True):
            model.get_layer(name).set_weights(values)
    history: list[dict[str, float]] = []
    if config.epochs:
        watched, before = validation if config.patience else None, model.get_weights()
        history = _fine_tune(
            model, config, pictures, targets, weights=weights, run=run, watched=watched, tracker=tracker or Tracker()
        )
        share = config.tuned_share
        model.set_weights([(1 - share) * a + share * b for a, b in zip(before, model.get_weights(), strict=True)])
    final = build_classifier(config, config.size, None)
    final.set_weights(model.get_weights())
    run.mkdir(parents=True, exist_ok=True)
    partial = run / f"partial.{WEIGHTS_FILE}"
    final.save_weights(partial)
    partial.replace(run / WEIGHTS_FILE)
    return final, history


def precision(config: Config) -> str:
    """Choose Keras' dtype policy: halves where the GPU has units for them, float32 elsewhere.

    On a CPU bfloat16 does not pay: 42 ms a picture against 25 ms (EfficientNet-Lite2 at 224 px, two cores that have
    AVX-512 BF16, TensorFlow 2.21).
    """
    if config.precision != "auto":
        return config.precision
    for gpu in tf.config.list_physical_devices("GPU"):
        capability = tf.config.experimental.get_device_details(gpu).get("compute_capability", (0, 0))
        if capability >= _TENSOR_CORES_FROM:
            return "mixed_float16"
    return "float32"


def class_weights(labels: np.ndarray, classes: int) -> np.ndarray:
    """Weigh pictures float32[N] so that every class counts alike; the mean is 1."""
    counts = np.bincount(labels, minlength=classes)
    return (len(labels) / (classes * counts))[labels].astype(np.float32)


def _fine_tune(
    model: keras.Model,
    config: Config,
    pictures: Pictures,
    targets: np.ndarray,
    *,
    weights: np.ndarray | None,
    run: Path,
    watched: Pictures | None,
    tracker: Tracker,
) -> list[dict[str, float]]:
    steps = -(-len(pictures) // config.batch) * config.epochs
    optimizer = _compile(model, config, steps)
    checkpoints = Checkpoints(run / "checkpoints", config.patience)
    done = checkpoints.restore(model)
    if checkpoints.done or done == config.epochs:
        optimizer.finalize_variable_values(model.trainable_variables)
    else:
        # Crops of a picture that the graph enlarges have no more pixels than it has.
        size = config.size if config.inner_size else round(config.train_size * _MARGIN)
        # Another seed after a kill: the epochs to come are not to repeat the crops of those that were.
        batches = augmented(
            pictures.at(size), targets, config.train_size, config.batch, config.seed + 1000 * done,
            strength=config.augmentation, weights=weights,
        )  # fmt: skip
        judged, watchers = None, []
        if watched is not None:
            truth = data.one_hot(watched.examples, len(config.labels))
            judged = tf.data.Dataset.from_tensor_slices((watched.at(config.train_size), truth)).batch(config.batch)
            watchers = [keras.callbacks.SwapEMAWeights()]  # the averaged weights are what is judged
        bar = Progress(f"fine-tune {config.name}", steps)
        # fit ends by putting the averaged weights in the place of the last ones.
        model.fit(
            batches, epochs=config.epochs, initial_epoch=done, validation_data=judged, shuffle=False, verbose=0,
            callbacks=[*watchers, checkpoints, bar, tensorboard(run), *tracker.callbacks()],
        )  # fmt: skip
    checkpoints.load_best(model)
    return checkpoints.history


def _compile(model: keras.Model, config: Config, steps: int) -> keras.optimizers.Optimizer:
    """Prepare a model for a fit of so many steps.

    What a fit would make in its first step is made here: TensorFlow traces a step that makes variables twice.
    """
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, steps - steps // 10, warmup_target=config.learning_rate, warmup_steps=steps // 10
    )
    optimizer = keras.optimizers.AdamW(
        rate, weight_decay=config.weight_decay, use_ema=True, ema_momentum=config.ema, global_clipnorm=1.0
    )
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=config.label_smoothing)
    # XLA compiles convolutions for a CPU slowly and badly.
    model.compile(optimizer, loss, weighted_metrics=["accuracy"], jit_compile=False)
    model.optimizer.build(model.trainable_variables)  # around `optimizer`, in mixed precision
    nothing = np.zeros((1, model.output.shape[-1]), np.float32)
    model.compute_metrics(None, nothing, nothing, np.ones(1, np.float32))
    model.reset_metrics()
    return optimizer
