"""Odd but valid pictures mean what their plain copies mean."""

import io

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_image

from gateway.pictures import to_tensor
from model_server.engines import load_engine
from tests.hostile.pictures import odd
from tools.models import DEFAULT, MODELS, versions

SIZE, ALIKE, SAME = 224, 2.0, 0.05


def photograph(width, height):
    """Give scikit-learn's photograph of a flower, which is in its wheel."""
    return Image.fromarray(load_sample_image("flower.jpg")).resize((width, height))


def plain(image):
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return to_tensor(buffer.getvalue(), SIZE, SIZE)


def test_each_is_drawn_as_its_plain_copy():
    """Whatever way a picture is stored, the tensor is the plain copy's but for what lossy formats lose."""
    for name, data, shown in odd.all_of(photograph(96, 64)):
        off = np.abs(to_tensor(data, SIZE, SIZE).astype(int) - plain(shown)).mean()
        assert off < 2 * ALIKE, name


def test_names_are_unique():
    """Each odd picture is one of its own."""
    names = [name for name, _, _ in odd.all_of(photograph(16, 16))]
    assert len(names) == len(set(names)) >= 50


@pytest.mark.hostile
def test_same_class_as_the_plain_copy(figures):
    """The committed pizza model says the same of an odd picture as of its plain copy."""
    engine = load_engine(MODELS / DEFAULT / str(versions(DEFAULT)[-1]), threads=2)

    def probabilities(tensor):
        return engine.run("serving_default", {"image": tensor[None]}, ["probabilities"])["probabilities"][0]

    differences = {}
    for name, data, shown in odd.all_of(photograph(320, 213)):
        expected, actual = probabilities(plain(shown)), probabilities(to_tensor(data, SIZE, SIZE))
        assert expected.argmax() == actual.argmax(), name
        differences[name] = float(np.abs(expected - actual).max())
    figures.add("odd but valid pictures", len(differences), at_least=50)
    figures.add("of them of another class", 0, at_most=0)
    figures.add("largest difference of a probability", max(differences.values()), at_most=SAME)
    assert SAME >= max(differences.values()), max(differences, key=differences.get)
