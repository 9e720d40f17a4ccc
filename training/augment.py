"""Batches of randomly cropped, mirrored and recoloured pictures."""

import numpy as np
import tensorflow as tf

_AREA, _ASPECT = (0.4, 1.0), (0.75, 1.33)
_BRIGHTNESS, _CONTRAST, _SATURATION, _HUE = 30.0, (0.75, 1.25), (0.7, 1.3), 0.03


def augmented(images: np.ndarray, targets: np.ndarray, size: int, batch: int, seed: int) -> tf.data.Dataset:
    """Make an endlessly different, but repeatable, data set of one pass over the pictures.

    Args:
        images: uint8[N, H, W, 3].
        targets: float32[N, K].
        size: height and width of the batches' pictures, pixels.
        batch: pictures a batch; the last one of a pass may be smaller.
        seed: of order and augmentation.
    Returns: batches (float32[B, size, size, 3] in 0..255, float32[B, K]).
    """
    pictures = tf.data.Dataset.from_tensor_slices((images, targets)).shuffle(
        len(images), seed=seed, reshuffle_each_iteration=True
    )
    seeds = tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True).batch(2, drop_remainder=True)

    def one(picture: tuple[tf.Tensor, tf.Tensor], pair: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return distort(picture[0], size, tf.cast(pair, tf.int64)), picture[1]

    threads = tf.data.AUTOTUNE
    return tf.data.Dataset.zip((pictures, seeds)).map(one, num_parallel_calls=threads).batch(batch).prefetch(2)


def distort(image: tf.Tensor, size: int, seed: tf.Tensor) -> tf.Tensor:
    """Crop, mirror and recolour one picture: uint8[H, W, 3] -> float32[size, size, 3] in 0..255.

    Crops as in Szegedy et al., arXiv:1409.4842: 40 to 100 % of the area, aspect 3:4 to 4:3.
    """
    seeds = tf.unstack(tf.random.experimental.stateless_split(seed, 6))
    begin, extent, _ = tf.image.stateless_sample_distorted_bounding_box(
        tf.shape(image), tf.zeros([1, 0, 4]), seeds[0], area_range=_AREA, aspect_ratio_range=_ASPECT,
        use_image_if_no_bounding_boxes=True,
    )  # fmt: skip
    crop = tf.ensure_shape(tf.slice(image, begin, extent), [None, None, 3])
    x = tf.image.resize(crop, (size, size), antialias=True) / 255
    x = tf.image.stateless_random_flip_left_right(x, seeds[1])
    x = tf.image.stateless_random_brightness(x, _BRIGHTNESS / 255, seeds[2])
    x = tf.image.stateless_random_contrast(x, *_CONTRAST, seeds[3])
    x = tf.image.stateless_random_saturation(tf.clip_by_value(x, 0.0, 1.0), *_SATURATION, seeds[4])
    x = tf.image.stateless_random_hue(x, _HUE, seeds[5])
    return tf.clip_by_value(x, 0.0, 1.0) * 255
