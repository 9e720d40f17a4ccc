"""Pictures that the project draws itself."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from tools.models import MODELS, bundled_models, versions
from training.artefact import drawings, garments


@pytest.mark.parametrize("model", ["pizza", "clothing", "fashion-mnist"])
def test_goldens_follow_from_their_seed(model):
    """Two calls draw the same bytes, every picture another."""
    goldens = drawings.goldens(model)

    assert drawings.goldens(model) == goldens
    assert len(goldens) == len(set(goldens.values()))


@pytest.mark.parametrize("model", ["pizza", "clothing"])
def test_goldens_differ_in_size_and_are_small(model):
    """Resizing is exercised, and the pictures weigh little in Git."""
    goldens = drawings.goldens(model)

    assert len({Image.open(io.BytesIO(png)).size for png in goldens.values()}) >= 4
    assert sum(map(len, goldens.values())) < 500_000


def test_a_models_goldens_are_of_its_own_kind():
    """By name; another model has photographs, or small grey pictures where its input is small."""
    assert {"dress", "hat"} <= set(drawings.goldens("clothing"))
    assert drawings.goldens("pizza") == drawings.goldens("anything", 224)
    assert drawings.goldens("fashion-mnist") == drawings.goldens("anything", 28)


@pytest.mark.parametrize("model", bundled_models())
def test_goldens_stay_as_they_were_committed(model):
    """Versions that are out were proved on these bytes, and the next one is compared on them too."""
    version = MODELS / model / str(versions(model)[-1])
    size = json.loads((version / "card.json").read_text())["input"]["height"]

    assert {path.stem: path.read_bytes() for path in (version / "golden").iterdir()} == drawings.goldens(model, size)


def test_grey_garments_are_light_on_black():
    """As Fashion-MNIST shows them: 28 px, mode L, black corners, a light middle, no two alike."""
    drawn = {name: np.asarray(Image.open(io.BytesIO(png))) for name, png in drawings.goldens("fashion-mnist").items()}
    del drawn["blocks"]
    for name, pixels in drawn.items():
        assert (28, 28) == pixels.shape, name
        assert 0 == pixels[0, 0], name
        assert pixels[10:24, 8:20].mean() > 60, name


def test_a_folder_is_drawn_of_the_kinds_asked_for(tmp_path):
    """Each label another kind, in turn."""
    drawings.write_folder(tmp_path, garments.GARMENTS, 2, 28, drawings.FASHION)

    files = sorted(tmp_path.rglob("*.png"))
    assert 2 * len(garments.GARMENTS) == len(files) == len({file.read_bytes() for file in files})
    assert {"L"} == {Image.open(file).mode for file in files}
