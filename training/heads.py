"""The head of a classifier: fitted alone on frozen features, and taught by others' frozen features."""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from training.backbones import BACKBONES
from training.config import Config
from training.evaluation import metrics
from training.pictures import Pictures

_EPOCHS, _STEPS, _BATCH = 40, 400, 64  # whichever of epochs and steps is more
_DECAY, _INNER_DECAY = 3e-2, 1e-3  # as strong a decay would shrink two layers to nothing
_FOLDS = 5


def attach(features: keras.KerasTensor, config: Config) -> keras.KerasTensor:
    """Put the head on pooled features: float32[N, F] -> logits float32[N, K]."""
    x = features
    if config.inner_layer:
        x = keras.layers.Dense(config.inner_layer, "relu", name="inner")(x)
    x = keras.layers.Dropout(config.dropout, seed=config.seed, name="dropout")(x)
    # float32 also where the rest is mixed precision: a soft-max of halves loses small probabilities.
    return keras.layers.Dense(len(config.labels), name="logits", dtype="float32")(x)


def fit_head(
    features: np.ndarray, targets: np.ndarray, config: Config, weights: np.ndarray | None = None
) -> list[list[np.ndarray]]:
    """Fit a head to features, which are standardised for it.

    Args:
        features: float32[N, F].
        targets: float32[N, K], rows sum to 1.
        config: hidden layer, dropout, head_rate and seed are read.
        weights: float32[N], of each picture in the loss; all 1 if None.
    Returns: kernel and bias of each layer, from the hidden one (if there is one) to the logits; they act on the
        features as they are.
    """
    keras.utils.set_random_seed(config.seed)
    mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-3
    image = keras.Input(features.shape[1:])
    model = keras.Model(image, attach(image, config))
    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    if config.inner_layer is None:
        layers[-1].kernel.assign(np.zeros(layers[-1].kernel.shape))
    steps = max(_STEPS, _EPOCHS * -(-len(features) // _BATCH))
    rate = keras.optimizers.schedules.CosineDecay(config.head_rate, steps)
    decay = _INNER_DECAY if config.inner_layer else _DECAY
    # AdamW's decay is scaled by the rate: over the schedule it shrinks weights as an L2 penalty does.
    optimizer = keras.optimizers.AdamW(rate, weight_decay=decay / config.head_rate)
    model.compile(optimizer, keras.losses.CategoricalCrossentropy(from_logits=True), jit_compile=False)
    optimizer.build(model.trainable_variables)  # the first step would make these variables, and be traced twice for it
    given = np.ones(len(features), np.float32) if weights is None else weights
    rows = tf.data.Dataset.from_tensor_slices(((features - mean) / scale, targets, given))
    # One endless epoch: Keras spends more on the turn of an epoch than on the few steps of a small data set.
    batches = rows.shuffle(len(features), seed=config.seed).repeat().batch(_BATCH)
    model.fit(batches, steps_per_epoch=steps, epochs=1, shuffle=False, verbose=0)
    fitted = [layer.get_weights() for layer in layers]
    kernel, bias = fitted[0]
    kernel = kernel / scale[:, None]
    return [[kernel, bias - mean @ kernel], *fitted[1:]]


def logits(features: np.ndarray, head: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
    """Apply what `fit_head` returns: float32[N, F] -> float32[N, K]."""
    *hidden, (kernel, bias) = head
    for inner_kernel, inner_bias in hidden:
        features = np.maximum(features @ inner_kernel + inner_bias, 0)
    return features @ kernel + bias


def teach(config: Config, pictures: Pictures, targets: np.ndarray) -> np.ndarray:
    """Blend the true classes with what teachers say of pictures that their head was not fitted on.

    The teachers' backbones are frozen and their features stand side by side; the head over them is fitted five times,
    each time without the pictures it then judges (cross-fitting), so it cannot repeat the labels that it saw.
    Distillation: Hinton et al., arXiv:1503.02531.

    Returns: float32[N, K] targets, rows sum to 1.
    """
    if not config.teachers:
        return targets
    parts = []
    for name in config.teachers:
        side = BACKBONES[name].size
        # Pictures that the graph enlarges have no more pixels than they have: half of its own size does for a teacher.
        seen, inner = (side, None) if config.inner_size is None else (config.size, side // 2)
        parts.append(pictures.features(name, seen, config.weights, mirrored=True, inner_size=inner))
    features = np.concatenate(parts, axis=1)
    folds = np.array([int(e.group[8:16], 16) % _FOLDS for e in pictures.examples])
    taught = np.empty_like(targets)
    for fold in range(_FOLDS):
        head = fit_head(features[folds != fold], targets[folds != fold], config)
        taught[folds == fold] = metrics.softmax(logits(features[folds == fold], head))
    agreement = float((taught.argmax(axis=1) == targets.argmax(axis=1)).mean())
    print(f"Teachers ({', '.join(config.teachers)}) agree with {agreement:.4f} of the labels that they did not see.")
    return (1 - config.teacher_share) * targets + config.teacher_share * taught
