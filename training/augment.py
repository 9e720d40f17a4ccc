"""Batches of randomly cropped, mirrored, recoloured, partly covered and blended pictures."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow as tf


@dataclass(frozen=True)
class Strength:
    """How far pictures are changed.

    Args:
        area: smallest share of the picture that a crop keeps; the largest is 1.
        aspect: widest crop, width over height; the narrowest is its inverse.
        colour: 1 changes brightness by 30 of 255, contrast by 25 %, saturation by 30 % and hue by 3 % at most.
        cover: share of pictures of which a random box is covered (Zhong et al., "Random erasing", arXiv:1708.04896).
        blend: share of pictures that another one shines through (Zhang et al., "mixup", arXiv:1710.09412).
        mirror: half of the pictures are mirrored.
    """

    area: float = 1.0
    aspect: float = 1.0
    colour: float = 0.0
    cover: float = 0.0
    blend: float = 0.0
    mirror: bool = True


STRENGTHS: Mapping[str, Strength] = {
    "none": Strength(mirror=False),
    "light": Strength(0.7, 1.15, 0.5),
    "standard": Strength(0.4, 1.33, 1.0),
    "strong": Strength(0.3, 1.33, 1.0, cover=0.25, blend=0.5),
    # Small centred things on a plain ground: nothing may be cut off far, and there is no colour to change.
    "small": Strength(0.6, 1.25, 1.0, cover=0.5, blend=0.5),
}
_BRIGHTNESS, _CONTRAST, _SATURATION, _HUE = 30.0, 0.25, 0.3, 0.03
_COVERED = (0.15, 0.45)  # sides of the covered box, as shares of the picture's
_SHINE = 0.4  # the most of another picture that shines through


def augmented(
    images: np.ndarray,
    targets: np.ndarray,
    size: int,
    batch: int,
    seed: int,
    *,
    strength: str = "standard",
    weights: np.ndarray | None = None,
) -> tf.data.Dataset:
    """Make an endlessly different, but repeatable, data set of one pass over the pictures.

    Args:
        images: uint8[N, H, W, 3].
        targets: float32[N, K].
        size: height and width of the batches' pictures, pixels.
        batch: pictures a batch; the last one of a pass may be smaller.
        seed: of order and augmentation.
        strength: a key of `STRENGTHS`.
        weights: float32[N], of each picture in the loss; all 1 if None.
    Returns: batches (float32[B, size, size, 3] in 0..255, float32[B, K], float32[B]).
    """
    chosen = STRENGTHS[strength]
    weights = np.ones(len(images), np.float32) if weights is None else weights
    pictures = tf.data.Dataset.from_tensor_slices((images, targets, weights)).shuffle(
        len(images), seed=seed, reshuffle_each_iteration=True
    )
    seeds = tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True).batch(2, drop_remainder=True)

    def one(picture: tuple[tf.Tensor, ...], pair: tf.Tensor) -> tuple[tf.Tensor, ...]:
        pair = tf.cast(pair, tf.int64)
        return distort(picture[0], size, pair, chosen), picture[1], picture[2], pair

    def together(x: tf.Tensor, y: tf.Tensor, w: tf.Tensor, pairs: tf.Tensor) -> tuple[tf.Tensor, ...]:
        return (*_blend(x, y, pairs[0], chosen.blend), w)

    threads = tf.data.AUTOTUNE
    batches = tf.data.Dataset.zip((pictures, seeds)).map(one, num_parallel_calls=threads).batch(batch)
    return batches.map(together, num_parallel_calls=threads).prefetch(2)


def distort(image: tf.Tensor, size: int, seed: tf.Tensor, strength: Strength) -> tf.Tensor:
    """Crop, mirror, recolour and cover one picture: uint8[H, W, 3] -> float32[size, size, 3] in 0..255.

    Crops as in Szegedy et al., arXiv:1409.4842.
    """
    seeds = tf.unstack(tf.random.experimental.stateless_split(seed, 7))
    begin, extent, _ = tf.image.stateless_sample_distorted_bounding_box(
        tf.shape(image), tf.zeros([1, 0, 4]), seeds[0], area_range=(strength.area, 1.0),
        aspect_ratio_range=(1 / strength.aspect, strength.aspect), use_image_if_no_bounding_boxes=True,
    )  # fmt: skip
    crop = tf.ensure_shape(tf.slice(image, begin, extent), [None, None, 3])
    x = tf.image.resize(crop, (size, size), antialias=True) / 255
    if strength.mirror:
        x = tf.image.stateless_random_flip_left_right(x, seeds[1])
    if c := strength.colour:
        x = tf.image.stateless_random_brightness(x, c * _BRIGHTNESS / 255, seeds[2])
        x = tf.image.stateless_random_contrast(x, 1 - c * _CONTRAST, 1 + c * _CONTRAST, seeds[3])
        x = tf.clip_by_value(x, 0.0, 1.0)
        x = tf.image.stateless_random_saturation(x, 1 - c * _SATURATION, 1 + c * _SATURATION, seeds[4])
        x = tf.image.stateless_random_hue(x, c * _HUE, seeds[5])
    x = tf.clip_by_value(x, 0.0, 1.0) * 255
    return _cover(x, size, seeds[6], strength.cover) if strength.cover else x


def _cover(x: tf.Tensor, size: int, seed: tf.Tensor, share: float) -> tf.Tensor:
    """Cover a box of float32[size, size, 3] with one grey, in `share` of all cases."""
    seeds = tf.unstack(tf.random.experimental.stateless_split(seed, 3))
    extent = tf.random.stateless_uniform([2], seeds[0], *_COVERED) * size
    begin = tf.random.stateless_uniform([2], seeds[1]) * (size - extent)
    chance, grey = tf.unstack(tf.random.stateless_uniform([2], seeds[2]))
    place = tf.range(size, dtype=tf.float32)
    rows = (place >= begin[0]) & (place < begin[0] + extent[0])
    columns = (place >= begin[1]) & (place < begin[1] + extent[1])
    box = rows[:, tf.newaxis] & columns[tf.newaxis]
    return tf.where((box & (chance < share))[..., tf.newaxis], grey * 255, x)


def _blend(x: tf.Tensor, y: tf.Tensor, seed: tf.Tensor, share: float) -> tuple[tf.Tensor, tf.Tensor]:
    """Let the next picture of the batch shine through `share` of them: up to 40 % of picture and target."""
    if not share:
        return x, y
    chance, much = tf.unstack(tf.random.stateless_uniform([2, tf.shape(x)[0]], seed))
    other = tf.where(chance < share, _SHINE * much, 0.0)
    beside = other[:, tf.newaxis, tf.newaxis, tf.newaxis]
    y2 = other[:, tf.newaxis]
    return x * (1 - beside) + tf.roll(x, 1, 0) * beside, y * (1 - y2) + tf.roll(y, 1, 0) * y2
