"""Grad-CAM from a SavedModel alone, held to an oracle that has the Keras model."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.unit.training.evaluation import small_versions
from training.evaluation.gradcam import GradCam, GradCamError, overlay

SHAPE = (24, 24, 3)


def save(model, folder):
    """Write a Keras model, image -> probabilities, as SavedModel by contract 1."""
    archive = keras.export.ExportArchive()

    def classify(image):
        return {"probabilities": model(tf.cast(image, tf.float32), training=False)}

    archive.add_endpoint("serving_default", classify, [tf.TensorSpec((None, *SHAPE), tf.uint8, name="image")])
    archive.write_out(str(folder), verbose=False)
    return folder


def network(head, pool=keras.layers.GlobalAveragePooling2D):
    """Build a small network with what real ones have: batch norm, a custom gradient (silu), a residual sum."""
    keras.utils.set_random_seed(3)
    image = keras.Input(SHAPE)
    x = keras.layers.Rescaling(1 / 255)(image)
    x = keras.layers.Conv2D(8, 3, strides=2, padding="same", activation="silu")(x)
    y = keras.layers.BatchNormalization()(keras.layers.Conv2D(8, 3, padding="same")(x))
    features = keras.layers.Activation("silu", name="features")(keras.layers.add([x, y]))
    return keras.Model(image, head(pool(name="pool")(features)))


def images(count=5):
    return np.random.default_rng(0).integers(0, 256, (count, *SHAPE), dtype=np.uint8)


def by_hand(model, score, pictures):
    """Compute Grad-CAM of score(logits) with Keras: an oracle that shares no code with the module."""
    logits = model.layers[-1]
    upper = keras.Model(model.input, model.get_layer("features").output)
    features = upper(tf.cast(pictures, tf.float32), training=False)
    with tf.GradientTape() as tape:
        tape.watch(features)
        value = score(tf.matmul(model.get_layer("pool")(features), logits.kernel) + logits.bias)
    weights = tf.reduce_mean(tape.gradient(value, features), (1, 2), keepdims=True)
    found = tf.nn.relu(tf.reduce_sum(weights * features, -1)).numpy()
    return found / np.maximum(found.max(axis=(1, 2), keepdims=True), 1e-12)


@pytest.mark.parametrize("pool", [keras.layers.GlobalAveragePooling2D, keras.layers.Flatten])
def test_maps_agree_with_grad_cam_by_hand_for_softmax(tmp_path, pool):
    """Of three classes by soft-max, the gradient is of the class's logit; the map is the last one before pooling."""
    model = network(keras.layers.Dense(3, activation="softmax"), pool)
    classes = np.array([0, 1, 2, 0, 1])
    expected = by_hand(model, lambda logits: tf.gather(logits, classes, axis=1, batch_dims=1), images())
    with GradCam(save(model, tmp_path)) as cam:
        actual = cam.maps(images(), classes)

    assert (5, 12, 12) == actual.shape
    assert expected.max() > 0
    np.testing.assert_allclose(actual, expected, atol=1e-4)


@pytest.mark.parametrize(("k", "sign"), [(0, -1), (1, 1)])
def test_maps_agree_with_grad_cam_by_hand_for_one_sigmoid_unit(tmp_path, k, sign):
    """Two classes from one unit: the second one's score is the unit's logit, the first one's the negative."""
    unit = network(keras.layers.Dense(1, activation="sigmoid"))
    wrapped = keras.Model(unit.input, keras.layers.concatenate([1 - unit.output, unit.output]))
    expected = by_hand(unit, lambda logits: sign * logits[:, 0], images())
    with GradCam(save(wrapped, tmp_path)) as cam:
        actual = cam.maps(images(), np.full(5, k))

    np.testing.assert_allclose(actual, expected, atol=1e-4)


def test_a_custom_gradient_of_another_program_is_no_obstacle(tmp_path):
    """A SavedModel names gradients that only the program which wrote it knows; the ops beneath have the same ones."""
    model = network(lambda x: keras.layers.Dense(3, activation="softmax")(keras.layers.Dense(6, "silu")(x)))
    file = save(model, tmp_path) / "saved_model.pb"
    with GradCam(tmp_path) as cam:
        expected = cam.maps(images(), np.zeros(5, int))
    renamed = file.read_bytes().replace(b"CustomGradient-", b"ForeignGradient")
    assert renamed != file.read_bytes()
    file.write_bytes(renamed)
    with GradCam(tmp_path) as cam:
        actual = cam.maps(images(), np.zeros(5, int))

    np.testing.assert_allclose(actual, expected, atol=1e-6)


def test_the_warm_place_is_where_the_class_is(tmp_path):
    """A picture that is red on the left and green on the right: pizza is seen left, salad right."""
    version = small_versions.write_version(tmp_path / "drawn" / "1")
    picture = np.zeros((1, small_versions.SIZE, small_versions.SIZE, 3), np.uint8)
    picture[:, :, :16, 0] = picture[:, :, 16:, 1] = 200
    with GradCam(version) as cam:
        pizza, salad = cam.maps(picture.repeat(2, axis=0), np.array([0, 1]))

    assert (1, 0) == (pizza[:, :4].mean(), pizza[:, 4:].mean())
    assert (0, 1) == (salad[:, :4].mean(), salad[:, 4:].mean())


def test_a_model_without_feature_map_is_refused_with_a_sentence(tmp_path):
    """A dense network on raw pixels has no place to point at."""
    image = keras.Input(SHAPE)
    model = keras.Model(image, keras.layers.Dense(2, activation="softmax")(keras.layers.Flatten()(image)))

    with pytest.raises(GradCamError, match="has no feature map between picture and answer: no Grad-CAM"):
        GradCam(save(model, tmp_path))


def test_a_folder_without_saved_model_is_refused_with_a_sentence(tmp_path):
    """What does not load is said to hold no SavedModel."""
    with pytest.raises(GradCamError, match="holds no SavedModel that can be explained"):
        GradCam(tmp_path)


def test_an_overlay_shows_the_picture_in_grey_where_nothing_is_warm():
    """Left nothing, right everything: grey on the left, colour on the right."""
    picture = np.full((8, 8, 3), (200, 100, 50), np.uint8)
    shown = overlay(picture, np.repeat([[0.0, 1.0]], 2, axis=0), 32).astype(int)

    assert (32, 32, 3) == shown.shape
    assert 0 == np.ptp(shown[:, 0], axis=-1).max()
    assert np.ptp(shown[:, -1], axis=-1).min() > 60


def test_the_map_is_one_that_all_ways_take(tmp_path):
    """Two branches meet at 6 x 6 and shrink to 1 x 1: what is read is where they meet, not the deeper branch."""
    keras.utils.set_random_seed(1)
    image = keras.Input(SHAPE)
    x = keras.layers.Conv2D(4, 3, 4, padding="same", activation="relu")(image)
    deep = keras.layers.Conv2D(4, 3, padding="same")(keras.layers.Conv2D(4, 3, padding="same")(x))
    x = keras.layers.concatenate([keras.layers.Conv2D(4, 1)(x), deep], name="meeting")
    branches = [keras.layers.Conv2D(4, 6)(x), keras.layers.Conv2D(4, 6)(keras.layers.Conv2D(4, 1, name="branch")(x))]
    x = keras.layers.Flatten()(keras.layers.concatenate(branches))
    model = keras.Model(image, keras.layers.Dense(2, activation="softmax")(x))
    with GradCam(save(model, tmp_path)) as cam:
        assert "meeting" in cam.layer
        assert (5, 6, 6) == cam.maps(images(), np.zeros(5, int)).shape


def test_maps_of_a_faint_network_are_as_strong_as_of_any(tmp_path):
    """A scale of the features and of the weights behind them changes nothing, however small."""
    model = network(keras.layers.Dense(2, activation="softmax"))
    with GradCam(save(model, tmp_path / "plain")) as cam:
        expected = cam.maps(images(), np.zeros(5, int))
    model.layers[-1].set_weights([1e-15 * weights for weights in model.layers[-1].get_weights()])
    with GradCam(save(model, tmp_path / "faint")) as cam:
        actual = cam.maps(images(), np.zeros(5, int))

    assert 1 == expected.max()
    np.testing.assert_allclose(actual, expected, atol=1e-4)
