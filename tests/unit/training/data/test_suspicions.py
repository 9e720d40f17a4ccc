import random

import numpy as np
import pytest
from PIL import Image

from training.artefact.drawings import blocks, pizza, sky
from training.data.facts import measure
from training.data.suspicions import suspicions


@pytest.fixture(scope="module")
def ordinary():
    return [blocks(random.Random(seed), 64, 64) for seed in range(30)]


@pytest.fixture
def found(ordinary, tmp_path):
    """Give the reasons for one more picture among ordinary ones of its class."""

    def add(image, others=None):
        paths = []
        for number, one in enumerate([image, *(others or ordinary)]):
            paths.append(tmp_path / f"{number}.png")
            one.save(paths[-1])
        return [one.reason for one in suspicions(measure(paths), np.zeros(len(paths), int)) if 0 in one.rows]

    return add


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (Image.new("RGB", (64, 64), "#7a8090"), "nearly one colour"),
        (Image.linear_gradient("L").point([v // 5 for v in range(256)]).convert("RGB"), "very dark"),
        (Image.linear_gradient("L").point([205 + v // 6 for v in range(256)]).convert("RGB"), "very bright"),
        (blocks(random.Random(99), 12, 12), "tiny beside the others"),
        (blocks(random.Random(99), 200, 60), "more than three times as long as wide"),
        (blocks(random.Random(99), 64, 64).convert("L").convert("RGB"), "grey among coloured ones"),
    ],
)
def test_a_picture_that_stands_out_is_named_with_its_reason(found, image, reason):
    """One reason, the first that applies."""
    assert [reason] == found(image)


def test_a_picture_of_something_else_is_unlike_its_class(found):
    """A sky among pizzas."""
    pizzas = [pizza(random.Random(seed), 64, 64) for seed in range(25)]

    assert ["unlike the rest of its class"] == found(sky(random.Random(1), 64, 64), pizzas)


def test_an_ordinary_picture_is_not_suspicious(found):
    """One more of the same kind."""
    assert [] == found(blocks(random.Random(99), 64, 64))


def test_what_most_pictures_are_is_not_suspicious(found):
    """In a grey data set a coloured picture stands out, and no grey one does."""
    grey = [blocks(random.Random(seed), 64, 64).convert("L") for seed in range(20)]

    assert ["coloured among grey ones"] == found(blocks(random.Random(99), 64, 64), grey)
    assert [] == found(blocks(random.Random(99), 64, 64).convert("L"), grey)


def test_the_worst_comes_first(tmp_path, ordinary):
    """Rows are in the order in which people should look at them."""
    paths = []
    for number, image in enumerate([*ordinary, *(Image.linear_gradient("L").point(
            [v * level // 256 for v in range(256)]).convert("RGB") for level in (50, 44, 56))]):  # fmt: skip
        paths.append(tmp_path / f"{number}.png")
        image.save(paths[-1])
    (dark,) = [s for s in suspicions(measure(paths), np.zeros(len(paths), int)) if s.reason == "very dark"]

    assert (31, 30, 32) == dark.rows


def test_no_pictures_no_suspicions():
    """An empty data set has a report, too."""
    assert [] == suspicions([], np.zeros(0, int))
