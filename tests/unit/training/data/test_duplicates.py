import io
import random

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from training.artefact.drawings import blocks, pizza
from training.data.duplicates import Pair, groups, near_duplicates
from training.data.facts import measure


@pytest.fixture
def measured(tmp_path):
    """Measure encoded pictures."""

    def measure_all(*pictures):
        paths = [tmp_path / f"{number}" for number in range(len(pictures))]
        for path, data in zip(paths, pictures, strict=True):
            path.write_bytes(data)
        return measure(paths)

    return measure_all


def encoded(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def drawn(seed, draw=blocks, size=160):
    return draw(random.Random(seed), size, size)


COPIES = {
    "JPEG quality 30": lambda image: encoded(image, "JPEG", quality=30),
    "WebP": lambda image: encoded(image, "WEBP", quality=60),
    "half the size": lambda image: encoded(image.resize((80, 80))),
    "twice the size": lambda image: encoded(image.resize((320, 320))),
    "brighter": lambda image: encoded(ImageEnhance.Brightness(image).enhance(1.08)),
    "less contrast": lambda image: encoded(ImageEnhance.Contrast(image).enhance(0.9)),
    "mirrored": lambda image: encoded(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), "JPEG"),
}


@pytest.mark.parametrize("copy", COPIES.values(), ids=COPIES)
def test_a_copy_made_anew_is_found(measured, copy):
    """Another encoding, size or brightness, or the mirror image, shows the same."""
    facts = measured(encoded(drawn(1)), encoded(drawn(2)), copy(drawn(1)), encoded(drawn(3)))

    assert [(0, 2)] == [(pair.first, pair.second) for pair in near_duplicates(facts)]


def test_pictures_of_one_kind_are_no_copies(measured):
    """Forty pizzas on the same table look alike, and none is called another's copy."""
    facts = measured(*(encoded(drawn(seed, pizza, 96)) for seed in range(40)))

    assert [] == near_duplicates(facts)


@pytest.mark.parametrize("colours", [("#c02020", "#2040c0", "#208030"), ("#101010", "#606060", "#a8a8a8")])
def test_one_shape_in_two_colours_is_no_copy(measured, colours):
    """Shop photographs share a template; a red shirt is not a blue one, and a black one not a grey one."""
    shirts = []
    for colour in colours:
        image = Image.new("RGB", (120, 120), "white")
        image.paste(colour, (30, 20, 90, 110))
        shirts.append(encoded(image))

    assert [] == near_duplicates(measured(*shirts))


def test_a_small_picture_must_agree_more(measured):
    """At 28 px two garments differ by a few pixels: noise that a copy at 160 px may have, none may have there."""
    large, small = drawn(5), drawn(5).resize((28, 28))

    def noisy(image):
        noise = np.random.default_rng(1).normal(0, 8, (*image.size, 3))
        return encoded(Image.fromarray(np.clip(np.array(image) + noise, 0, 255).astype(np.uint8)))

    assert 1 == len(near_duplicates(measured(encoded(large), noisy(large))))
    assert [] == near_duplicates(measured(encoded(small), noisy(small)))
    assert 1 == len(near_duplicates(measured(encoded(small), encoded(small, "BMP"))))


def test_flat_pictures_are_not_compared(measured):
    """A white page resembles every white page."""
    assert [] == near_duplicates(
        measured(encoded(Image.new("RGB", (90, 90), "white")), encoded(Image.new("RGB", (91, 91), "white")))
    )


def test_blocks_of_pairs_join_without_a_gap(measured, monkeypatch):
    """What is found does not depend on how many pairs are compared at once."""
    pictures = [encoded(drawn(seed)) for seed in range(6)]
    facts = measured(*pictures, *(encoded(drawn(seed), "JPEG") for seed in range(6)))
    whole = near_duplicates(facts)
    monkeypatch.setattr("training.data.duplicates._BLOCK", 5)
    monkeypatch.setattr("training.data.duplicates._PAIRS", 1)

    assert [(n, n + 6) for n in range(6)] == [(pair.first, pair.second) for pair in whole]
    assert whole == near_duplicates(facts)


def test_chains_become_one_group():
    """Pairs that share a row join their groups; rows without a pair are in none."""
    pairs = [Pair(first, second, 0.1, mirrored=False) for first, second in ((0, 3), (3, 5), (1, 2), (2, 7), (5, 7))]

    assert [[0, 1, 2, 3, 5, 7]] == groups(9, pairs)
    assert [[0, 3, 5], [1, 2, 7]] == groups(9, pairs[:-1])


def test_nothing_has_no_duplicates():
    """No pictures, no pairs."""
    assert [] == near_duplicates([])
