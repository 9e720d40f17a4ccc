"""A small convolutional network for pictures of about 28 x 28 pixels, trained from nothing."""

import keras

SIZE = 28
_FILTERS = (48, 96, 192)


def features(image: keras.KerasTensor) -> keras.KerasTensor:
    """Apply three stages of two convolutions: float32[N, S, S, 3] in 0..255 -> float32[N, 192] pooled features.

    Blocks as in Simonyan and Zisserman, arXiv:1409.1556, with batch norm; no dropout, which the head brings.
    """
    # These two constants are exact in float16.
    x = keras.layers.Rescaling(1 / 128, offset=-1.0, name="scale")(image)
    for stage, filters in enumerate(_FILTERS, start=1):
        if stage > 1:
            x = keras.layers.MaxPooling2D(2, padding="same", name=f"stage{stage}_pool")(x)
        for index in (1, 2):
            name = f"stage{stage}_conv{index}"
            x = keras.layers.Conv2D(
                filters, 3, padding="same", use_bias=False, kernel_initializer="he_normal", name=name
            )(x)
            # A run has hundreds of steps, not hundreds of thousands: statistics have to follow faster than by 0.99.
            x = keras.layers.BatchNormalization(momentum=0.9, name=f"{name}_bn")(x)
            x = keras.layers.ReLU(name=f"{name}_relu")(x)
    return keras.layers.GlobalAveragePooling2D(name="features")(x)
