import numpy as np
import pytest
from PIL import Image

from training.evaluation import metrics, slices


def test_properties_are_those_of_the_file_and_its_light(tmp_path):
    """Size and shape as stored, brightness and contrast as decoded."""
    sizes = [(300, 200), (100, 200)]
    paths = [tmp_path / f"{i}.png" for i in range(2)]
    for path, size in zip(paths, sizes, strict=True):
        Image.new("RGB", size).save(path)
    images = np.zeros((2, 4, 4, 3), np.uint8)
    images[1, :2] = 255
    found = slices.properties(paths, images)

    assert [300, 200] == found["longer side, px"].tolist()
    assert [1.5, 0.5] == found["width / height"].tolist()
    assert pytest.approx([0, 127.5], abs=1e-3) == found["brightness, 0-255"].tolist()
    assert pytest.approx([0, 127.5], abs=1e-3) == found["contrast (spread of brightness), 0-255"].tolist()


def test_thirds_hold_every_picture_once_and_their_own_accuracy():
    """Thirty pictures of rising light, the darkest ten wrong."""
    right = np.arange(30) >= 10
    found = slices.slices({"light": np.arange(30.0)}, right)

    assert [("0 to 9", 10, 0.0), ("10 to 19", 10, 1.0), ("20 to 29", 10, 1.0)] == [
        (one.name, one.pictures, one.accuracy) for one in found
    ]
    assert metrics.wilson(0, 10) == (found[0].low, found[0].high)


def test_a_slice_stands_out_if_the_accuracy_of_all_is_outside_its_interval():
    """Of all pictures 0.8 are right; of the darkest third 0.4 (0.17 to 0.69), of the others all (0.72 to 1)."""
    found = slices.slices({"light": np.arange(30.0)}, np.arange(30) >= 6)

    assert [True, False, False] == [one.stands_out for one in found]


def test_what_is_alike_everywhere_is_not_cut():
    """All pictures of one size: no slice."""
    assert [] == slices.slices({"side": np.full(9, 28.0)}, np.ones(9, bool))


@pytest.mark.parametrize("values", [[1, 2, 2, 2, 2, 2], [2, 2, 2, 2, 2, 3], [1, 1, 1, 3, 3, 3], [1, 2]])
def test_values_that_pile_up_still_put_every_picture_in_one_slice(values):
    """Thirds of few different values are fewer than three, and never empty."""
    found = slices.slices({"side": np.array(values, float)}, np.ones(len(values), bool))

    assert len(values) == sum(one.pictures for one in found)
    assert 2 == len(found)
