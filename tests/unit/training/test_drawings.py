import io

from PIL import Image

from training import drawings


def test_drawings_follow_from_their_seed():
    """Two calls draw the same bytes."""
    assert drawings.goldens() == drawings.goldens()


def test_goldens_differ_in_size_and_are_small():
    """Resizing is exercised, and the pictures weigh little in Git."""
    goldens = drawings.goldens()

    assert len({Image.open(io.BytesIO(png)).size for png in goldens.values()}) >= 4
    assert sum(map(len, goldens.values())) < 500_000
