"""Rules of colour profiles."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from gateway.colours import to_srgb
from tests.hostile.pictures import files, odd

CUBE = np.stack(np.meshgrid(*[np.arange(0, 256, 5, dtype=np.uint8)] * 3), axis=-1).reshape(-1, 52, 3)
PRIMARIES, DAY = [(0.64, 0.33), (0.3, 0.6), (0.15, 0.06)], (0.3127, 0.3290)


def parametric(kind, *numbers):
    values = struct.pack(f">{len(numbers)}l", *(round(number * 65536) for number in numbers))
    return b"para\0\0\0\0" + struct.pack(">HH", kind, 0) + values


def table(values):
    return b"curv\0\0\0\0" + struct.pack(">L", len(values)) + np.round(values * 65535).astype(">u2").tobytes()


@pytest.mark.parametrize("name", odd.colour_spaces())
def test_as_a_colour_library_does(name):
    """Each level is within two of what LittleCMS makes of it, where that is a colour of sRGB."""
    profile = odd.colour_spaces()[name]
    meant = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
    image = Image.fromarray(CUBE)
    expected = np.asarray(ImageCms.profileToProfile(image, meant, ImageCms.createProfile("sRGB"), intent)).astype(int)
    inside = ((expected > 8) & (expected < 247)).all(axis=-1)
    assert 2000 < inside.sum()
    assert 2 >= np.abs(to_srgb(CUBE, profile, grey=False).astype(int) - expected)[inside].max()


@pytest.mark.parametrize(
    "curve",
    [
        parametric(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045),
        parametric(4, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045, 0, 0),
        table(np.where(np.arange(1024) / 1023 <= 0.04045, 0, ((np.arange(1024) / 1023 + 0.055) / 1.055) ** 2.4)),
    ],
    ids=["parametric", "parametric with offsets", "table"],
)
def test_srgb_changes_nothing(curve):
    """A profile that is sRGB's, whoever wrote it, leaves every level as it is."""
    assert CUBE is to_srgb(CUBE, files.rgb_profile(PRIMARIES, DAY, curve), grey=False)


@pytest.mark.parametrize(
    ("curve", "expected"),
    [
        (b"curv\0\0\0\0\0\0\0\0", 188),  # linear light: 0.5 of it is level 188
        (files.gamma(1.0), 188),
        (parametric(0, 1.0), 188),
        (parametric(1, 1.0, 1.0, 0.0), 188),
        (parametric(2, 1.0, 1.0, 0.0, 0.0), 188),
        (table(np.array([0.0, 1.0])), 188),
        (table(np.array([1.0, 0.0])), 187),
        (parametric(1, 1.0, 1.0, -0.75), 0),
    ],
)
def test_curves(curve, expected):
    """Every kind of curve is read."""
    pixels = np.full((1, 1, 3), 128, np.uint8)
    for profile, grey in (
        (files.rgb_profile(PRIMARIES, DAY, curve), False),
        (files.profile({b"kTRC": curve}, b"GRAY"), True),
    ):
        assert abs(expected - int(to_srgb(pixels, profile, grey=grey)[0, 0, 1])) <= 1


GOOD = files.rgb_profile(PRIMARIES, DAY, files.gamma(1.0))


@pytest.mark.parametrize(
    ("profile", "grey"),
    [
        (b"", False),
        (bytes(1000), False),
        (GOOD, True),
        (files.profile({b"kTRC": files.gamma(1.0)}, b"GRAY"), False),
        (files.profile({}), False),
        (GOOD.replace(b"XYZ \0\0", b"Lab \0\0"), False),
        (GOOD.replace(b"curv", b"mABC"), False),
        (files.rgb_profile(PRIMARIES, DAY, b"curv\0\0\0\0\xff\xff\xff\xff"), False),
        (files.rgb_profile(PRIMARIES, DAY, parametric(5, 1.0)), False),
        (files.rgb_profile(PRIMARIES, DAY, parametric(4, 1.0)), False),
        (GOOD + bytes(2**20), False),
        *((GOOD[:end], False) for end in range(0, GOOD.rindex(b"curv"), 7)),
    ],
)
def test_what_is_not_understood_changes_nothing(profile, grey):
    """Broken profiles, those of another kind of picture, and those of tables are as if they were not there."""
    assert CUBE is to_srgb(CUBE, profile, grey=grey)


@pytest.mark.parametrize("numbers", [(-3.0, 0.0, 0.0), (30000.0, 30000.0, -1.0), (0.001, -1.0, 0.5)])
def test_odd_numbers(numbers):
    """A curve that leaves the numbers that there are gives some colour, and no warning."""
    profile = files.rgb_profile(PRIMARIES, DAY, parametric(1, *numbers))
    assert CUBE.shape == to_srgb(CUBE, profile, grey=False).shape
