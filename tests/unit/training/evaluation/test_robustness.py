import io

import numpy as np
import pytest
from PIL import Image

from training.evaluation import robustness

RNG = np.random.default_rng(0)
IMAGE = np.asarray(Image.fromarray(RNG.integers(0, 256, (6, 6, 3), dtype=np.uint8)).resize((128, 128)))
KINDS = {kind.name: kind for kind in robustness.KINDS}


def damaged(name, strength, image=IMAGE):
    return KINDS[name].damage(image, strength, np.random.default_rng(0))


@pytest.mark.parametrize("name", sorted(KINDS.keys() - {"JPEG"}))
def test_the_strength_called_none_changes_nothing(name):
    """What the curve's undamaged point stands for."""
    np.testing.assert_array_equal(IMAGE, damaged(name, KINDS[name].none))


@pytest.mark.parametrize("name", KINDS)
def test_damage_keeps_shape_and_type_and_repeats(name):
    """The model is given what it asks for, and the same each time."""
    for strength in KINDS[name].strengths:
        image = damaged(name, strength)
        assert (IMAGE.shape, np.uint8) == (image.shape, image.dtype)
        np.testing.assert_array_equal(image, damaged(name, strength))


@pytest.mark.parametrize("name", KINDS)
def test_more_strength_is_more_damage(name):
    """The mean difference from the picture rises with the distance from none."""
    kind = KINDS[name]
    one_way = [s for s in kind.strengths if s > kind.none] or list(kind.strengths)
    differences = [np.abs(damaged(name, s).astype(int) - IMAGE).mean() for s in one_way]

    assert differences == sorted(differences)
    assert differences[0] > 0


def test_rotation_is_about_the_centre():
    """A quarter turn is NumPy's."""
    np.testing.assert_array_equal(np.rot90(IMAGE), damaged("rotation", 90))


def test_corners_of_a_turned_picture_are_not_black():
    """A white picture stays white."""
    assert 255 == damaged("rotation", 45, np.full((40, 40, 3), 255, np.uint8)).min()


def test_jpeg_is_that_of_the_quality():
    """The bytes that Pillow writes at quality 15, decoded."""
    buffer = io.BytesIO()
    Image.fromarray(IMAGE).save(buffer, "JPEG", quality=15)

    np.testing.assert_array_equal(np.asarray(Image.open(buffer)), damaged("JPEG", 15))


def test_noise_has_the_spread_it_says():
    """On middle grey, where nothing is clipped."""
    grey = np.full((100, 100, 3), 128, np.uint8)

    assert pytest.approx(10, rel=0.03) == (damaged("noise", 10, grey).astype(int) - 128).std()


def test_brightness_is_a_factor_that_ends_at_white():
    """100 twice is 200, 200 twice is 255."""
    image = np.full((2, 2, 3), (100, 200, 0), np.uint8)

    assert [200, 255, 0] == damaged("brightness", 2, image)[0, 0].tolist()


def test_curves_count_right_answers_at_each_strength():
    """A model that says light or dark: dark pictures stay dark, light ones turn dark at factor 0.4."""
    images = np.stack([np.full((8, 8, 3), value, np.uint8) for value in (60, 60, 200, 200)])
    truth = np.array([0, 0, 1, 1])

    def classify(given):
        return np.eye(2)[(given.mean(axis=(1, 2, 3)) > 127).astype(int)]

    found = robustness.curves(images, truth, np.ones(4, bool), classify)["brightness"]

    assert {0.4: 0.5, 0.7: 1.0, 1.0: 1.0, 1.4: 1.0, 2.0: 1.0} == dict(
        zip(found.strengths.tolist(), found.accuracies.tolist(), strict=True)
    )
    assert (found.low < found.accuracies).all()
    assert pytest.approx(0.15, abs=0.001) == found.low[0]  # Wilson, 2 of 4


def test_a_sample_holds_each_class_by_its_share():
    """Of 300 and 100 pictures, 40 are 30 and 10; fewer pictures than asked for are all taken."""
    truth = np.repeat([0, 1], [300, 100])
    rows = robustness.sample(truth, 40)

    assert [30, 10] == np.bincount(truth[rows]).tolist()
    assert rows.tolist() == sorted(set(rows.tolist()))
    assert [0, 1, 2] == robustness.sample(truth[:3], 40).tolist()
