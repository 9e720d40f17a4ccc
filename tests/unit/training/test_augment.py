"""Batches differ from pass to pass, repeat with the seed, and stay pictures."""

import numpy as np
import pytest

from training.augment import STRENGTHS, augmented

IMAGES = np.random.default_rng(0).integers(0, 256, (10, 40, 40, 3), np.uint8)
TARGETS = np.eye(10, dtype=np.float32)


def _passes(seed, strength="standard", **more):
    batches = augmented(IMAGES, TARGETS, 32, 4, seed, strength=strength, **more)
    return [[tuple(part.numpy() for part in batch) for batch in batches] for _ in range(2)]


@pytest.mark.parametrize("strength", STRENGTHS)
def test_a_pass_shows_every_picture_once_in_range(strength):
    """Ten pictures in batches of four, four and two; pixels stay in 0..255, targets sum to 1."""
    batches = _passes(1, strength)[0]
    targets = np.concatenate([y for _, y, _ in batches])
    assert [(4, 32, 32, 3), (4, 32, 32, 3), (2, 32, 32, 3)] == [x.shape for x, _, _ in batches]
    assert all(x.min() >= 0 and 1 < x.max() <= 255 for x, _, _ in batches)
    assert np.allclose(targets.sum(axis=1), 1, atol=1e-6)
    assert list(range(10)) == sorted(targets.argmax(axis=1))


@pytest.mark.parametrize("strength", ["standard", "strong"])
def test_passes_differ_and_the_seed_repeats_them(strength):
    """Each epoch sees other crops; the same seed sees the same ones."""
    first, second = _passes(1, strength)
    again, _ = _passes(1, strength)
    assert not np.array_equal(first[0][0], second[0][0])
    assert np.array_equal(first[0][0], again[0][0])


def test_none_changes_nothing_but_the_size():
    """A flat picture stays flat, and no target is blended."""
    flat = np.full((4, 40, 40, 3), 77, np.uint8)
    (x, y, _), *_ = augmented(flat, TARGETS[:4], 32, 4, 1, strength="none")
    assert np.allclose(x, 77, atol=1e-3)
    assert {0.0, 1.0} == set(np.unique(y))


def test_strong_covers_and_blends():
    """Some flat pictures get a box of another grey, and some targets get a second class."""
    flat = np.full((40, 40, 40, 3), 77, np.uint8)
    (x, y, _), *_ = augmented(flat, np.eye(40, dtype=np.float32), 32, 40, 1, strength="small")
    assert 0 < (x.numpy().std(axis=(1, 2, 3)) > 1).sum() < 40
    assert 0 < (y.numpy().max(axis=1) < 1).sum() < 40
    assert y.numpy().max(axis=1).min() >= 0.6


def test_weights_stay_with_their_pictures():
    """A picture of class k has the weight that was given for it."""
    for _, y, w in _passes(1, weights=np.arange(10, dtype=np.float32))[0]:
        assert y.argmax(axis=1).tolist() == w.tolist()
