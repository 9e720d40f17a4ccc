"""Models made elsewhere: what is proved of them, what is refused, and that both engines answer as they do."""

import io
import json
import random
import shutil
import zipfile

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from gateway.pictures import to_tensor
from training.__main__ import main
from training.artefact import drawings, foreign, parity, serving
from training.artefact.importing import Declared, ForeignError, import_model
from training.artefact.parity import ParityError
from training.artefact.proof import ImportRefused
from training.artefact.writer import ExportError

LABELS, SIZE = ("bright", "dark", "middle"), 32
LEVELS = {"bright": 180, "dark": 0, "middle": 90}  # the only thing that tells the classes apart: scaling matters


def _picture(level, number):
    draw = drawings.KINDS[number % len(drawings.KINDS)]
    drawn = np.asarray(draw(random.Random(number), 40, 40).convert("RGB"))
    buffer = io.BytesIO()
    Image.fromarray((level + drawn * 0.28).astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Fifteen pictures a class."""
    root = tmp_path_factory.mktemp("levels")
    for label, level in LEVELS.items():
        (root / label).mkdir()
        for number in range(15):
            (root / label / f"{number}.png").write_bytes(_picture(level, number))
    return root


def _network(outputs, activation, channels=3):
    image = keras.Input((SIZE, SIZE, channels))
    x = keras.layers.Conv2D(8, 3, activation="relu")(image)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dense(16, activation="relu")(x)
    return keras.Model(image, keras.layers.Dense(outputs, activation=activation)(x), name="elsewhere")


@pytest.fixture(scope="module")
def model(folder):
    """Trained on x / 127.5 - 1, as the seeds' Xception was; answers logits."""
    keras.utils.set_random_seed(1)
    files = [(k, file) for k, label in enumerate(LABELS) for file in sorted((folder / label).iterdir())]
    images = np.stack([to_tensor(file.read_bytes(), SIZE, SIZE) for _, file in files]) / 127.5 - 1
    network = _network(3, None)
    network.compile(keras.optimizers.Adam(0.02), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    network.fit(images, np.array([k for k, _ in files]), epochs=40, batch_size=45, verbose=0)
    return network


@pytest.fixture(scope="module")
def saved(model, tmp_path_factory):
    """Hold the model in each format."""
    root = tmp_path_factory.mktemp("saved")
    model.save(root / "model.keras")
    model.save(root / "model.h5")
    model.export(root / "saved_model", verbose=False)
    return root


def _declared(**changes):
    return Declared(**{"name": "levels", "version": 1, "labels": LABELS, "scaling": "symmetric"} | changes)


@pytest.mark.parametrize("file", ["model.keras", "model.h5", "saved_model"])
def test_each_format_becomes_a_version_that_answers_as_the_model_does(file, saved, model, folder, tmp_path):
    """Scaling and soft-max are inside the graph; gate, card and warm-up are there; both engines agree with Keras."""
    version, result = import_model(saved / file, _declared(), folder, tmp_path)
    pictures = np.stack([to_tensor(_picture(level, 99), SIZE, SIZE) for level in LEVELS.values()])
    expected = keras.ops.softmax(model(pictures / 127.5 - 1)).numpy()

    for name in serving.ENGINES:
        engine = serving.open_engine(version, name)
        np.testing.assert_allclose(serving.classify(engine, pictures), expected, atol=2e-3)
        engine.close()
    assert result["accuracy"]["value"] > 0.9
    assert "symmetric" == json.loads((version / "card.json").read_text())["training"]["scaling"]
    assert (version / "assets.extra" / "tf_serving_warmup_requests").exists()
    assert set(parity.TOLERANCE) == set(parity.verify(version))


@pytest.mark.parametrize("scaling", ["none", "unit", "caffe"])
def test_a_wrong_scaling_is_refused_and_the_right_one_named(scaling, saved, folder, tmp_path):
    """The seeds' bug: another scaling answers clearly worse on the same pictures (torch's is too alike to tell)."""
    with pytest.raises(ImportRefused, match=rf"--scaling {scaling} is wrong.* Use --scaling symmetric"):
        import_model(saved / "model.keras", _declared(scaling=scaling), folder, tmp_path)
    assert [] == list(tmp_path.iterdir())


def test_a_model_that_knows_nothing_is_refused(folder, tmp_path):
    """It says the same of every picture, whatever the scaling."""
    network = _network(3, "softmax")
    network.layers[-1].kernel.assign(np.zeros((16, 3)))
    network.save(tmp_path / "random.keras")

    with pytest.raises(ImportRefused, match=r"not better than always saying one class \(0\.333\)"):
        import_model(tmp_path / "random.keras", _declared(), folder, tmp_path / "models")


def test_labels_in_a_wrong_order_are_refused_and_the_right_order_named(saved, folder, tmp_path):
    """The answers tell which output is which class."""
    with pytest.raises(ImportRefused, match="With --labels bright,dark,middle"):
        import_model(saved / "model.keras", _declared(labels=("dark", "middle", "bright")), folder, tmp_path)


def test_one_sigmoid_unit_becomes_two_classes(model, folder, tmp_path):
    """The unit's p goes to the positive label, 1 - p of the other, in the labels' order; the wrong label is refused."""
    two = tmp_path / "two"
    for label in ("bright", "dark"):
        shutil.copytree(folder / label, two / label)
    image = keras.Input((SIZE, SIZE, 3))
    logits = model(image)
    keras.Model(image, keras.layers.Activation("sigmoid")(logits[:, 1:2] - logits[:, :1])).save(tmp_path / "one.keras")
    declared = _declared(labels=None, positive="dark")

    version, result = import_model(tmp_path / "one.keras", declared, two, tmp_path / "models")

    assert result["accuracy"]["value"] > 0.9
    engine = serving.open_engine(version, "litert")
    (probabilities,) = serving.classify(engine, to_tensor(_picture(0, 99), SIZE, SIZE)[np.newaxis])
    engine.close()
    assert probabilities[1] > 0.9  # the labels are the folders, sorted: bright, dark
    with pytest.raises(ImportRefused, match="or --positive the other"):
        import_model(tmp_path / "one.keras", _declared(labels=None, positive="bright"), two, tmp_path / "more")
    with pytest.raises(ForeignError, match="--positive says for which of bright, dark"):
        import_model(tmp_path / "one.keras", _declared(labels=None), two, tmp_path / "more")


def test_a_grey_model_is_given_grey(folder, tmp_path, model):
    """A model of one channel sees the luminance of the gateway's three."""
    grey = keras.Input((SIZE, SIZE))
    three = keras.layers.Concatenate()([keras.layers.Reshape((SIZE, SIZE, 1))(grey)] * 3)
    keras.Model(grey, model(three)).save(tmp_path / "grey.keras")

    _, result = import_model(tmp_path / "grey.keras", _declared(), folder, tmp_path / "models")
    assert result["accuracy"]["value"] > 0.9
    assert {"none", "unit", "symmetric"} == set(result["scalings"])


def test_code_in_a_keras_file_is_refused_before_it_is_loaded(folder, tmp_path):
    """A Lambda layer is code of whoever wrote the file; --trust loads it all the same."""
    image = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Lambda(lambda x: x * 2.0, output_shape=(SIZE, SIZE, 3))(image)
    keras.Model(image, _network(3, "softmax")(x)).save(tmp_path / "code.keras")

    with pytest.raises(ForeignError, match=r"Lambda.*--trust"):
        foreign.load(tmp_path / "code.keras", trust=False)
    assert 3 == foreign.load(tmp_path / "code.keras", trust=True).outputs


def test_a_class_of_another_module_is_refused(tmp_path):
    """Keras would import the module that the file names."""
    _network(3, "softmax").save(tmp_path / "model.keras")
    _rewrite(
        tmp_path / "model.keras", lambda text: text.replace('"module": "keras.layers"', '"module": "evil.layers"', 1)
    )

    with pytest.raises(ForeignError, match=r"evil\.layers"):
        foreign.load(tmp_path / "model.keras", trust=False)


def _rewrite(path, change):
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    files["config.json"] = change(files["config.json"].decode()).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)


@pytest.mark.parametrize("kind", ["py_function", "table"])
def test_a_saved_model_that_reaches_outside_is_refused(kind, tmp_path):
    """Python calls could do anything, a hash table breaks the LiteRT converter: each is named."""

    class Model(tf.Module):
        def __init__(self):
            super().__init__()
            if kind == "table":
                values = tf.lookup.KeyValueTensorInitializer([0], [1.0])
                self.table = tf.lookup.StaticHashTable(values, 0.0)

        @tf.function(input_signature=[tf.TensorSpec((None, 8, 8, 3))])
        def serve(self, x):
            x = tf.reduce_mean(x, axis=[1, 2])
            if kind == "table":
                return x + self.table.lookup(tf.constant([0]))
            return tf.ensure_shape(tf.py_function(lambda y: y, [x], tf.float32), (None, 3))

    module = Model()
    tf.saved_model.save(module, str(tmp_path / "m"), signatures={"serving_default": module.serve})
    with pytest.raises(ForeignError, match={"py_function": "EagerPyFunc.*--trust", "table": "hash table"}[kind]):
        foreign.load(tmp_path / "m", trust=False)


def test_an_h5_file_of_keras_2_loads(tmp_path):
    """Keras 2 wrote `groups` and kernel_* into separable convolutions, which Keras 3 does not take."""
    image = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.SeparableConv2D(4, 3)(keras.layers.DepthwiseConv2D(3)(image))
    model = keras.Model(image, keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(x)))
    model.save(tmp_path / "old.h5")
    with h5py.File(tmp_path / "old.h5", "r+") as file:
        config = json.loads(file.attrs["model_config"])
        for layer in config["config"]["layers"]:
            if layer["class_name"] in {"SeparableConv2D", "DepthwiseConv2D"}:
                layer["config"]["groups"] = 1
                layer["config"]["kernel_initializer"] = {"class_name": "GlorotUniform", "config": {}}
        file.attrs["model_config"] = json.dumps(config)
    pixels = np.random.default_rng(0).random((1, SIZE, SIZE, 3), np.float32)

    loaded = foreign.load(tmp_path / "old.h5", trust=False)
    np.testing.assert_allclose(loaded.run(tf.constant(pixels)), model(pixels), rtol=1e-5)


def test_operations_as_layers_of_keras_2_are_named(tmp_path):
    """No --trust helps there: Keras 3 has no such layer, so the way out is a SavedModel."""
    _network(3, None).save(tmp_path / "old.h5")
    with h5py.File(tmp_path / "old.h5", "r+") as file:
        file.attrs["model_config"] = file.attrs["model_config"].replace('"Conv2D"', '"TFOpLambda"', 1)

    for trust in (False, True):
        with pytest.raises(ForeignError, match=r"TFOpLambda.*export it there as a SavedModel"):
            foreign.load(tmp_path / "old.h5", trust=trust)


@pytest.mark.parametrize(
    ("shape", "outputs", "message"),
    [
        ((3, SIZE, SIZE), 3, "channels come first"),
        ((SIZE, SIZE + 1, 3), 3, "only square"),
        ((SIZE, SIZE, 3), 5, "3 labels"),
    ],
)
def test_a_model_of_another_shape_is_refused(shape, outputs, message, folder, tmp_path):
    """Channels first, oblong pictures, more outputs than labels: each in one sentence."""
    image = keras.Input(shape)
    keras.Model(image, keras.layers.Dense(outputs)(keras.layers.Flatten()(image))).save(tmp_path / "m.keras")

    with pytest.raises((ForeignError, ExportError), match=message):
        import_model(tmp_path / "m.keras", _declared(), folder, tmp_path / "models")


def test_probabilities_of_each_label_by_itself_are_no_choice(folder, tmp_path):
    """Several sigmoid units that do not sum to 1."""
    _network(3, "sigmoid").save(tmp_path / "m.keras")
    with pytest.raises(ForeignError, match="do not sum to 1"):
        import_model(tmp_path / "m.keras", _declared(), folder, tmp_path / "models")


def test_an_engine_that_disagrees_on_real_pictures_stops_the_import(saved, folder, tmp_path, monkeypatch):
    """Nothing is left behind where LiteRT or the SavedModel answers otherwise than the model."""
    monkeypatch.setattr(parity, "TOLERANCE", {"saved_model": -1.0, "litert": -1.0})
    with pytest.raises(ParityError, match="on your pictures"):
        import_model(saved / "model.keras", _declared(), folder, tmp_path)
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["nothing.keras", "text.h5", "text.keras", "folder", "text.txt"])
def test_what_is_no_model_is_one_sentence(name, tmp_path, folder, capsys):
    """Status 1 and no stack trace."""
    if name == "folder":
        (tmp_path / name).mkdir()
    elif not name.startswith("nothing"):
        (tmp_path / name).write_text("no model")
    arguments = ["--name", "x", "--scaling", "unit", "--data", str(folder), "--models", str(tmp_path / "models")]

    assert 1 == main(["import", str(tmp_path / name), *arguments])
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("training import: ")
    assert str(tmp_path / name) in error


def test_the_verb_prints_what_was_measured(saved, folder, tmp_path, capsys):
    """Accuracy, the proof of the scaling, and where the version lies."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models.config").touch()
    arguments = [
        "--name",
        "levels",
        "--scaling",
        "symmetric",
        "--data",
        str(folder),
        "--models",
        str(tmp_path / "models"),
    ]

    assert 0 == main(["import", str(saved / "model.keras"), *arguments, "--cache", str(tmp_path / "cache")])
    out = capsys.readouterr().out
    assert "accuracy by scaling: none 0.333" in out
    assert str(tmp_path / "models" / "levels" / "1") in out
    assert '"levels"' in (tmp_path / "models.config").read_text()


@pytest.mark.backbones
@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_the_courses_model_is_imported(suffix, folder, tmp_path):
    """Xception inside a model, pixels in -1..1, an inner layer, logits: as the course's notebook saves it."""
    keras.utils.set_random_seed(5)
    base = keras.applications.Xception(weights=None, include_top=False, input_shape=(96, 96, 3))
    base.trainable = False
    image = keras.Input((96, 96, 3))
    vectors = keras.layers.GlobalAveragePooling2D()(base(image, training=False))
    inner = keras.layers.Dense(50, activation="relu")(vectors)
    model = keras.Model(image, keras.layers.Dense(3)(keras.layers.Dropout(0.2)(inner)))
    files = [(k, file) for k, label in enumerate(LABELS) for file in sorted((folder / label).iterdir())]
    pictures = np.stack([to_tensor(file.read_bytes(), 96, 96) for _, file in files]) / 127.5 - 1
    features = np.asarray(keras.Model(image, inner)(pictures))
    # Random features, fitted head: enough to be right about the pictures it was fitted on, under one scaling.
    targets = np.eye(3)[[k for k, _ in files]] * 8
    mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-6
    kernel = np.linalg.lstsq((features - mean) / scale, targets - targets.mean(axis=0), rcond=1e-3)[0] / scale[:, None]
    model.layers[-1].set_weights([kernel, targets.mean(axis=0) - mean @ kernel])
    model.save(tmp_path / f"xception.{suffix}")

    with pytest.raises(ExportError, match=r"at most 20 MB go into Git.*--any-size.*OCI image"):
        import_model(tmp_path / f"xception.{suffix}", _declared(), folder, tmp_path / "models")
    version, result = import_model(
        tmp_path / f"xception.{suffix}", _declared(), folder, tmp_path / "models", any_size=True
    )
    assert result["accuracy"]["value"] > 0.9
    assert set(parity.TOLERANCE) == set(parity.verify(version))
