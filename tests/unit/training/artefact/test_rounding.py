"""Rounding to float16 in training code, against what the LiteRT converter makes of the same graph."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from training.artefact import serving, writer
from training.artefact.rounding import round_to_float16
from training.artefact.writer import Subject
from training.backbones import build_backbone


class LayerScale(keras.layers.Layer):
    """ConvNeXt's: multiplies each channel."""

    def build(self, shape):
        self.gamma = self.add_weight(shape=(shape[-1],), initializer="ones")

    def call(self, x):
        return x * self.gamma


def _network():
    """Every arrangement that the converter folds, and each that it leaves."""
    layers = keras.layers
    image = keras.Input((24, 24, 3), name="image")
    x = layers.Rescaling([0.013, 0.017, 0.019], offset=[-1.7, -1.9, -2.1], name="scale")(image)
    x = layers.Conv2D(8, 3, use_bias=False)(x)  # pads nothing: takes the scaling in
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.ReLU()(layers.BatchNormalization(scale=False)(layers.SeparableConv2D(12, 3, padding="same")(x)))
    x = layers.ReLU(6.0)(layers.BatchNormalization()(layers.DepthwiseConv2D(3, padding="same")(x)))
    y = layers.BatchNormalization()(layers.Conv2D(12, 1, use_bias=True)(x))
    x = layers.ReLU()(layers.BatchNormalization()(layers.Add()([x, y])))  # no convolution before it
    y = layers.LayerNormalization(epsilon=1e-6)(layers.Conv2D(12, 3, padding="same", groups=12)(x))
    y = LayerScale()(layers.Dense(12)(layers.Activation("gelu")(layers.Dense(24)(y))))
    x = layers.GlobalAveragePooling2D()(layers.Add()([x, y]))
    return keras.Model(image, layers.Dense(3, name="logits")(x))


def _learnt(model, pictures, seed=0):
    """Give batch norms statistics, and everything else weights that are no round numbers."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
            for weights, low, high in ((layer.gamma, 0.7, 1.4), (layer.beta, -0.3, 0.3)):
                if weights is not None:
                    weights.assign(rng.uniform(low, high, weights.shape))
        elif isinstance(layer, LayerScale):
            layer.gamma.assign(rng.uniform(0.2, 0.9, layer.gamma.shape))
    model(pictures, training=True)
    logits = np.asarray(model(pictures))
    kernel, bias = model.get_layer("logits").get_weights()
    sharp = 6 / logits.std(axis=0)
    model.get_layer("logits").set_weights([kernel * sharp, (bias - logits.mean(axis=0)) * sharp])
    return model


def _difference(model, pictures, folder):
    """Largest |dp| between the model and its LiteRT file with float16 weights."""
    subject = Subject("small", 1, ("a", "b", "c"), pictures.shape[1])
    writer.write_saved_model(lambda image: tf.nn.softmax(model(image, training=False)), subject, "{}", folder)
    (folder / "model.tflite").write_bytes(writer.convert(folder))
    engine = serving.open_engine(folder, "litert")
    actual = serving.classify(engine, pictures.astype(np.uint8))
    engine.close()
    return float(np.abs(actual - keras.ops.softmax(model(pictures)).numpy()).max())


@pytest.fixture
def pictures():
    return (
        np.random.default_rng(0).integers(0, 256, (6, 24, 24, 3)).astype(np.float32)
        * np.linspace(0.2, 1, 6, dtype=np.float32).reshape(6, 1, 1, 1)
        // 1
    )


def test_litert_finds_nothing_left_to_round(pictures, tmp_path):
    """Unrounded, float16 shows in a probability; rounded beforehand, model and file say the same."""
    model = _learnt(_network(), pictures)
    unrounded, before = _difference(model, pictures, tmp_path / "1"), keras.ops.softmax(model(pictures)).numpy()
    round_to_float16(model)

    assert unrounded > 2e-4
    assert _difference(model, pictures, tmp_path / "2") < 2e-5
    np.testing.assert_allclose(keras.ops.softmax(model(pictures)).numpy(), before, atol=20 * unrounded)


def test_rounding_twice_is_rounding_once(pictures):
    """Every weight stays exactly where it is, so a version can be rounded again without another hash."""
    model = _learnt(_network(), pictures)
    round_to_float16(model)
    before = [weights.copy() for weights in model.get_weights()]
    round_to_float16(model)

    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_a_weight_beyond_float16_is_refused(pictures):
    """It would become infinity, and every answer NaN."""
    model = _learnt(_network(), pictures)
    model.get_layer("logits").bias.assign([0.0, 1e5, 0.0])

    with pytest.raises(ValueError, match="does not fit into float16"):
        round_to_float16(model)


def test_the_small_cnn_keeps_its_answers(tmp_path):
    """Its scaling is exact in float16, so nothing but weights moves."""
    backbone = build_backbone("small-cnn", 24, None)
    pictures = np.random.default_rng(1).integers(0, 256, (4, 24, 24, 3)).astype(np.float32)
    model = keras.Model(backbone.input, keras.layers.Dense(3, name="logits")(backbone.output))
    model = _learnt(model, pictures)
    round_to_float16(model)

    assert _difference(model, pictures, tmp_path) < 2e-5
