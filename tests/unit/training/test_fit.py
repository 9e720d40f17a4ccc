"""What decides a fit, apart from the pictures."""

import tempfile
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from training import heads
from training.artefact.drawings import write_folder
from training.backbones import build_backbone
from training.config import Config, smoke
from training.data import DataError
from training.data.audit import audit
from training.evaluation import metrics
from training.fit import build_classifier, fit, precision
from training.pictures import Pictures

CONFIG = smoke(
    Config(
        name="small", version=1, task="", labels=("pizza", "salad", "sky"), data_name="", source="", intended_use="",
        limits=(), size=28,
    ),
    "small-cnn",
)  # fmt: skip


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_folder(folder, CONFIG.labels, 20, 32)
    return Pictures.of(audit(folder, CONFIG.labels).examples, None)


def _features(seed=0, n=300):
    """Three clouds of points in 8 dimensions, of very different scales."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n)
    points = rng.normal(0, 1, (n, 8)) + np.eye(3, 8)[labels] * 4
    return (points * np.geomspace(0.01, 100, 8) + 5).astype(np.float32), labels


@pytest.mark.parametrize("inner_layer", [None, 128])
def test_a_head_separates_what_can_be_separated(inner_layer):
    """With and without a hidden layer, on features as they are, whatever their scale."""
    (x, y), (unseen, truth) = _features(), _features(1)
    config = replace(CONFIG, inner_layer=inner_layer)
    head = heads.fit_head(x, np.eye(3, dtype=np.float32)[y], config)
    assert (2 if inner_layer else 1) == len(head)
    assert (heads.logits(unseen, head).argmax(axis=1) == truth).mean() > 0.97


def test_class_weights_help_the_rare_class():
    """Of two clouds that overlap, the rare one is found more often with weights."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [380, 20])
    x = rng.normal(0, 1, (400, 4)).astype(np.float32) + 0.5 * y[:, None].astype(np.float32)
    config = replace(CONFIG, labels=("a", "b"))
    targets = np.eye(2, dtype=np.float32)[y]
    plain = heads.logits(x, heads.fit_head(x, targets, config)).argmax(axis=1)
    weights = np.where(y == 1, 10, 10 / 19).astype(np.float32)
    weighted = heads.logits(x, heads.fit_head(x, targets, config, weights)).argmax(axis=1)
    assert (weighted[y == 1] == 1).mean() > (plain[y == 1] == 1).mean() + 0.2


@pytest.mark.parametrize("inner_layer", [None, 16])
def test_the_graph_computes_what_the_head_was_fitted_to(inner_layer):
    """Frozen features and the head put into the graph give the head's own logits."""
    config = replace(CONFIG, inner_layer=inner_layer)
    keras.utils.set_random_seed(1)
    model = build_classifier(config, 28, None)
    images = np.random.default_rng(0).integers(0, 256, (6, 28, 28, 3)).astype(np.float32)
    features = np.asarray(keras.Model(model.input, model.get_layer("features").output)(images))
    head = heads.fit_head(features, np.eye(3, dtype=np.float32)[[0, 1, 2, 0, 1, 2]], config)
    for name, values in zip(["inner", "logits"] if inner_layer else ["logits"], head, strict=True):
        model.get_layer(name).set_weights(values)
    assert np.allclose(heads.logits(features, head), np.asarray(model(images, training=False)), atol=1e-4)


def test_weights_that_are_there_keep_their_batch_norm_frozen():
    """Only `trainable = False` freezes statistics in Keras 3; without weights they are to be learnt."""
    frozen = [
        {
            layer.trainable
            for layer in build_classifier(CONFIG, 28, weights).layers
            if "BatchNorm" in type(layer).__name__
        }
        for weights in (None, _saved())
    ]
    assert [{True}, {False}] == frozen


def _saved():
    path = Path(tempfile.mkdtemp()) / "backbone.weights.h5"
    build_backbone("small-cnn", 28, None).save_weights(path)
    return str(path)


def test_a_whole_recipe_with_frozen_weights(pictures, tmp_path):
    """Weights from a file, teachers, class weights, hidden layer and no epoch: the head alone is fitted."""
    weights = _saved()
    config = replace(
        CONFIG, weights=weights, epochs=0, inner_layer=64, class_weights=True, teachers=("small-cnn",),
    )  # fmt: skip
    model, history = fit(config, pictures, tmp_path)
    assert [] == history
    accuracy = (np.asarray(model(pictures.at(28).astype(np.float32))).argmax(axis=1) == pictures.labels).mean()
    assert accuracy > 0.9


def test_a_share_of_the_fine_tuned_weights_lies_between_before_and_after(pictures, tmp_path):
    """Every weight of the half-tuned model is the mean of the two others."""
    config = replace(CONFIG, weights=_saved(), epochs=1)
    shares = {"before": {"epochs": 0}, "half": {"tuned_share": 0.5}, "after": {}}
    fitted = {what: fit(replace(config, **change), pictures, tmp_path / what)[0] for what, change in shares.items()}
    before, half, after = (model.get_weights() for model in fitted.values())
    assert all(np.allclose((a + b) / 2, m, atol=1e-6) for a, m, b in zip(before, half, after, strict=True))
    assert not all(np.allclose(a, b, atol=1e-3) for a, b in zip(before, after, strict=True))


def test_a_step_is_traced_once(pictures, tmp_path, monkeypatch):
    """Tracing is most of a small fit: neither the optimizer nor a metric makes a variable in the first step."""
    traced, step = [], keras.Model.train_step
    monkeypatch.setattr(keras.Model, "train_step", lambda model, batch: traced.append(model.name) or step(model, batch))
    fit(replace(CONFIG, epochs=1), pictures, tmp_path)
    heads.fit_head(*(np.eye(3, dtype=np.float32) for _ in range(2)), CONFIG)
    assert 2 == len(traced)
    assert "small" == traced[0]


def test_a_class_without_a_picture_to_fit_on_is_named(pictures, tmp_path):
    """A small class may have all its pictures in other splits."""
    with pytest.raises(DataError, match="No picture to fit on of sky"):
        fit(CONFIG, pictures.where(pictures.labels != 2), tmp_path)


def test_precision_is_halves_only_where_asked_for_or_supported():
    """This machine's TensorFlow has no GPU with tensor cores, or it has and says so."""
    assert precision(replace(CONFIG, precision="mixed_bfloat16")) == "mixed_bfloat16"
    if not tf.config.list_physical_devices("GPU"):
        assert precision(CONFIG) == "float32"


def test_a_fit_in_halves_ends_in_float32(pictures, tmp_path):
    """The classifier that comes out has float32 weights and answers like any other."""
    model, _ = fit(replace(CONFIG, precision="mixed_bfloat16", epochs=1), pictures, tmp_path)
    assert {"float32"} == {str(np.dtype(weight.dtype)) for weight in model.weights}
    answers = metrics.softmax(np.asarray(model(pictures.at(28)[:4].astype(np.float32))))
    assert np.isfinite(answers).all()
