import numpy as np

from training.augment import augmented


def _passes(seed):
    images = np.random.default_rng(0).integers(0, 256, (10, 40, 40, 3), np.uint8)
    batches = augmented(images, np.eye(10, dtype=np.float32), 32, 4, seed)
    return [[(x.numpy(), y.numpy()) for x, y in batches] for _ in range(2)]


def test_a_pass_shows_every_picture_once_in_range():
    """Ten pictures in batches of four, four and two; pixels stay in 0..255."""
    batches = _passes(1)[0]

    assert [x.shape for x, _ in batches] == [(4, 32, 32, 3), (4, 32, 32, 3), (2, 32, 32, 3)]
    assert np.concatenate([y for _, y in batches]).sum(axis=0).tolist() == [1] * 10
    assert all(x.min() >= 0 and 1 < x.max() <= 255 for x, _ in batches)


def test_passes_differ_and_the_seed_repeats_them():
    """Each epoch sees other crops; the same seed sees the same ones."""
    first, second = _passes(1)
    again, _ = _passes(1)

    assert not np.array_equal(first[0][0], second[0][0])
    assert np.array_equal(first[0][0], again[0][0])
