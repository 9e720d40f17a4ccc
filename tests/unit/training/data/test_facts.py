import sqlite3

import imagehash
import numpy as np
import pytest
from PIL import Image

from gateway.pictures import to_tensor
from training.artefact.drawings import write_folder
from training.data import facts


@pytest.fixture
def pictures(tmp_path):
    write_folder(tmp_path / "data", ("pizza", "salad"), 3, 48)
    return sorted((tmp_path / "data").glob("*/*"))


def same(first, second):
    return all(
        np.array_equal(value, getattr(theirs, name))
        for ours, theirs in zip(first, second, strict=True)
        for name, value in vars(ours).items()
    )


def test_a_picture_is_described_by_its_content(tmp_path):
    """Format and size come from the bytes, upright; the thumbnail from the gateway's decoder."""
    sideways = Image.new("RGB", (60, 40), "#336699")
    exif = sideways.getexif()
    exif[0x0112] = 6
    sideways.save(tmp_path / "lies.png", "JPEG", exif=exif)
    (found,) = facts.measure([tmp_path / "lies.png"])

    assert ("", "JPEG", 40, 60) == (found.error, found.format, found.width, found.height)
    assert np.array_equal(to_tensor((tmp_path / "lies.png").read_bytes(), 32, 32), found.thumbnail)


@pytest.mark.parametrize(
    ("content", "foreign", "said"),
    [
        (b"", True, "The file is empty."),
        (b"%PDF-1.7", True, "not a JPEG"),
        (b"\x89PNG\r\n\x1a\nnot at all", False, "header"),
    ],
)
def test_a_file_that_is_no_picture_says_why(tmp_path, content, foreign, said):
    """Foreign is what no decoder of the project takes by its first bytes."""
    (tmp_path / "x.png").write_bytes(content)
    (found,) = facts.measure([tmp_path / "x.png"])

    assert foreign == found.foreign
    assert said in found.error


def test_the_perceptual_hash_is_the_published_one(pictures):
    """As another implementation computes it, of pictures and of their mirror images."""
    for path in pictures:
        thumbnail = to_tensor(path.read_bytes(), 32, 32)
        for image in (thumbnail, thumbnail[:, ::-1]):
            assert int(str(imagehash.phash(Image.fromarray(image))), 16) == facts.perceptual_hash(image)


def test_a_file_that_is_gone_says_so_and_is_asked_for_again(tmp_path, pictures):
    """What may be mended is not kept."""
    missing = tmp_path / "later.png"
    (before,) = facts.measure([missing], tmp_path / "cache")
    missing.write_bytes(pictures[0].read_bytes())
    (after,) = facts.measure([missing], tmp_path / "cache")

    assert "No such file" in before.error
    assert not after.error


def test_facts_are_measured_once(tmp_path, pictures, monkeypatch):
    """The second time nothing is opened but to hash it, and the facts are the same ones."""
    first = facts.measure(pictures, tmp_path / "cache")
    monkeypatch.setattr(facts, "to_tensor", lambda *_: pytest.fail("decoded again"))

    assert same(first, facts.measure(pictures, tmp_path / "cache"))


def test_another_decoder_measures_anew(tmp_path, pictures, monkeypatch):
    """Facts do not outlive the way they were measured."""
    facts.measure(pictures, tmp_path / "cache")
    monkeypatch.setattr(facts, "_SCHEME", "0")
    monkeypatch.setattr(facts, "to_tensor", lambda *_: np.zeros((32, 32, 3), np.uint8))

    assert 0 == facts.measure(pictures[:1], tmp_path / "cache")[0].thumbnail.max()


def test_a_broken_store_is_made_anew(tmp_path, pictures):
    """What can be measured again never stops a run."""
    expected = facts.measure(pictures)
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "pictures.sqlite").write_bytes(b"no database, whatever its name" * 100)

    assert same(expected, facts.measure(pictures, tmp_path / "cache"))


def test_a_store_that_cannot_be_written_costs_time_only(tmp_path, pictures, capsys):
    """A folder in the store's place, as a full or read-only disk: what is kept is a convenience."""
    (tmp_path / "cache" / "pictures.sqlite").mkdir(parents=True)

    assert same(facts.measure(pictures), facts.measure(pictures, tmp_path / "cache"))
    assert "cannot be kept" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_broken_exif_does_not_turn_a_picture(tmp_path):
    """What a camera's software wrote wrongly is no reason to refuse the pixels."""
    for number, exif in enumerate((b"Exif\0\0not tiff at all", b"Exif\0\0II*\0\xff\xff\xff\xff")):
        Image.new("RGB", (30, 20), "#336699").save(tmp_path / f"{number}.jpg", exif=exif)
    found = facts.measure(sorted(tmp_path.glob("*.jpg")))

    assert [("", 30, 20)] * 2 == [(f.error, f.width, f.height) for f in found]


def test_two_runs_share_the_store(tmp_path, pictures):
    """A run that has the store open does not keep another from measuring."""
    facts.measure(pictures[:1], tmp_path / "cache")
    with sqlite3.connect(tmp_path / "cache" / "pictures.sqlite") as other:
        assert 1 == other.execute("SELECT count(*) FROM facts").fetchone()[0]
        facts.measure(pictures, tmp_path / "cache")
        assert len(pictures) == other.execute("SELECT count(*) FROM facts").fetchone()[0]
