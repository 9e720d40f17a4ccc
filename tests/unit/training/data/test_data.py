import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from training import data
from training.artefact.drawings import write_folder
from training.data.locking import exclusive

ROOT = Path(__file__).parents[4]


@pytest.fixture
def folder(tmp_path):
    write_folder(tmp_path / "data", ("pizza", "not_pizza"), 40, 48)
    return tmp_path / "data"


def test_a_picture_stays_in_its_split_when_the_folder_grows_and_files_are_renamed(folder):
    """The split follows from the content alone."""
    before = {e.sha256: e.split for e in data.scan(folder)[0]}
    for path in sorted((folder / "pizza").iterdir())[:20]:
        path.rename(path.with_name(f"renamed-{path.name}"))
    write_folder(folder, ("pizza", "not_pizza"), 60, 48)
    after = {e.sha256: e.split for e in data.scan(folder)[0]}

    assert {sha256: after[sha256] for sha256 in before} == before
    assert len(after) > len(before)


def test_splits_are_about_75_10_15():
    """The shares of the three splits over many hashes."""
    splits = [data.split_of(f"{i * 429496:08x}" + "0" * 56) for i in range(10000)]

    assert [round(splits.count(s) / len(splits), 2) for s in data.SPLITS] == [0.75, 0.10, 0.15]


def test_labels_keep_the_order_of_the_config(folder):
    """Class indices follow the given names, or the sorted folders."""
    assert data.scan(folder, ("pizza", "not_pizza"))[1] == ("pizza", "not_pizza")
    assert data.scan(folder)[1] == ("not_pizza", "pizza")


def test_one_picture_in_two_classes_is_refused(folder):
    """The message names both files."""
    shutil.copy(folder / "pizza" / "0000.png", folder / "not_pizza" / "copy.png")

    with pytest.raises(data.DataError, match=r"copy\.png.*0000\.png|0000\.png.*copy\.png"):
        data.scan(folder)


def test_a_copy_counts_once(folder):
    """An exact duplicate within a class does not weigh double."""
    count = len(data.scan(folder)[0])
    shutil.copy(folder / "pizza" / "0000.png", folder / "pizza" / "copy.png")

    assert len(data.scan(folder)[0]) == count


def test_the_content_hash_follows_pictures_and_classes_only(folder):
    """Renaming a file keeps the hash; leaving a picture out changes it."""
    examples, labels = data.scan(folder)
    before = data.content_hash(examples, labels)
    (folder / "pizza" / "0000.png").rename(folder / "pizza" / "other.png")
    renamed, _ = data.scan(folder)

    assert data.content_hash(renamed, labels) == before
    assert data.content_hash(examples[1:], labels) != before


@pytest.mark.parametrize("missing", ["nowhere", "pizza"])
def test_a_folder_that_is_no_data_set_is_refused_in_words(folder, missing):
    """A missing folder, and one without class folders."""
    with pytest.raises(data.DataError, match=r"folder"):
        data.scan(folder / missing)


def test_a_class_without_a_file_is_refused(folder):
    """The message names it, also where the pictures come from a CSV file."""
    (folder / "photos.csv").write_text("file,label\npizza/0000.png,pizza\n")
    for source in (folder, folder / "photos.csv"):
        with pytest.raises(data.DataError, match=f"{source.name} holds no picture of class 'sushi'"):
            data.scan(source, ("pizza", "sushi"))


def test_a_broken_picture_is_named(folder):
    """Loading stops with the file's name, not with a stack trace from a decoder."""
    (folder / "pizza" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnot at all")
    examples, _ = data.scan(folder)

    with pytest.raises(data.DataError, match=r"broken\.png"):
        data.load(examples, 32)


def test_cached_tensors_are_the_decoded_ones(folder, tmp_path):
    """The second load comes from the cache and is equal to the first."""
    examples, _ = data.scan(folder)
    first = data.load(examples, 32, tmp_path / "cache")
    again = data.load(examples, 32, tmp_path / "cache")

    assert isinstance(again, np.memmap)
    assert np.array_equal(first, again)


def test_a_cache_cut_short_or_of_another_decoder_is_not_used(folder, tmp_path, monkeypatch):
    """A full disk leaves half a file, and a new decoder other tensors: both are decoded anew."""
    examples, _ = data.scan(folder)
    expected = np.array(data.load(examples, 32, tmp_path / "cache"))
    (kept,) = (tmp_path / "cache").iterdir()
    kept.write_bytes(kept.read_bytes()[:1000])

    assert np.array_equal(expected, data.load(examples, 32, tmp_path / "cache"))
    monkeypatch.setattr(data, "decoder_version", lambda: "another")
    data.load(examples, 32, tmp_path / "cache")
    assert 2 == len(list((tmp_path / "cache").iterdir()))


def test_a_run_that_failed_leaves_nothing_behind(folder, tmp_path):
    """Neither half a cache nor one with a gap where a picture could not be decoded."""
    (folder / "pizza" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnot at all")
    examples, _ = data.scan(folder)
    with pytest.raises(data.DataError):
        data.load(examples, 32, tmp_path / "cache")

    assert [] == list((tmp_path / "cache").iterdir())


def test_of_two_runs_one_writes_a_cache_and_the_other_takes_it(folder, tmp_path):
    """The second waits while the first holds the file, and then does not decode again."""
    examples, _ = data.scan(folder)
    data.load(examples, 32, tmp_path / "cache")
    (kept,) = (tmp_path / "cache").iterdir()
    kept.unlink()
    script = (
        "import sys; from pathlib import Path; from training import data\n"
        "print(data.load(data.scan(Path(sys.argv[1]))[0], 32, Path(sys.argv[2])).sum())"
    )
    command = [sys.executable, "-c", script, str(folder), str(tmp_path / "cache")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT / "apps"), str(ROOT)))}
    with exclusive(kept.with_suffix(".partial")):
        run = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert "waiting for another run" in run.stderr.readline()
        np.save(kept, np.full((len(examples), 32, 32, 3), 7, np.uint8))
    said, _ = run.communicate(timeout=60)

    assert 7 * len(examples) * 32 * 32 * 3 == int(said)
    assert [kept] == list((tmp_path / "cache").iterdir())


def test_a_picture_stands_for_itself_unless_it_has_near_copies(folder):
    """A scan does not look for them: every picture is its own group."""
    assert all(e.group == e.sha256 for e in data.scan(folder)[0])


def test_pictures_that_cannot_be_decoded_may_be_left_out(folder, capsys):
    """What is left stays in order, and the others are named; nothing left is an error."""
    (folder / "pizza" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnot at all")
    examples, _ = data.scan(folder)
    left, images = data.load_readable(examples, 16)
    whole = [e for e in examples if e.path.name != "broken.png"]

    assert whole == left
    assert np.array_equal(data.load(whole, 16), images)
    assert "broken.png" in capsys.readouterr().err
    with pytest.raises(data.DataError, match=r"None of 1 pictures.*\n.*broken\.png"):
        data.load_readable([e for e in examples if e.path.name == "broken.png"], 16)
