import io
import json
import shutil

import pytest
from PIL import Image

from training import data
from training.artefact.drawings import write_folder
from training.data.audit import Refused, audit
from training.data.findings import write_drop_list
from training.data.sources import DataError


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn")
    write_folder(folder, ("pizza", "salad"), 40, 72)
    return folder


@pytest.fixture
def folder(drawn, tmp_path):
    return shutil.copytree(drawn, tmp_path / "data")


@pytest.fixture
def look(tmp_path):
    """Audit with drop lists in the test's own folder."""
    return lambda source, labels=None, **options: audit(source, labels, drop_lists=tmp_path / "drops", **options)


def kinds(result):
    return sorted({(finding.kind, finding.action) for finding in result.findings})


def jpeg(path):
    buffer = io.BytesIO()
    with Image.open(path) as image:
        image.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def test_clean_pictures_are_all_used(folder, look):
    """Examples, labels and splits are those of a plain scan, and each picture is its own group."""
    found = look(folder)
    examples, labels = data.scan(folder)

    assert (examples, labels, []) == (found.examples, found.labels, found.findings)
    assert {e.sha256 for e in examples} == {e.group for e in found.examples}
    assert "nothing suspicious found" in found.report()


def test_five_percent_of_bad_files_do_not_stop_training(folder, look):
    """Broken, misnamed and doubled files are named; all others, and the misnamed one, are used."""
    (folder / "pizza" / "0000.png").write_bytes((folder / "pizza" / "0000.png").read_bytes()[:300])
    (folder / "pizza" / "empty.jpg").write_bytes(b"")
    (folder / "salad" / "0001.jpg").write_bytes((folder / "salad" / "0001.png").read_bytes())
    (folder / "salad" / "0001.png").unlink()
    shutil.copy(folder / "salad" / "0002.png", folder / "salad" / "copy of 0002.png")
    (folder / "salad" / "notes.txt").write_text("buy tomatoes")
    found = look(folder)

    assert {
        ("duplicate", "left out"): ("salad/copy of 0002.png",),
        ("not-a-picture", "left out"): ("salad/notes.txt",),
        ("unreadable", "left out"): ("pizza/0000.png", "pizza/empty.jpg"),
        ("wrong-extension", "kept"): ("salad/0001.jpg",),
    } == {
        key: tuple(name for f in found.findings if (f.kind, f.action) == key for name in f.files)
        for key in kinds(found)
    }
    assert 79 == len(found.examples)
    assert folder / "salad" / "0001.jpg" in {e.path for e in found.examples}
    for name in ("pizza/0000.png: The picture is broken", "pizza/empty.jpg: The file is empty", "is a PNG file"):
        assert name in found.report()


def test_no_near_copy_of_a_judged_picture_is_learnt(folder, look):
    """Of copies made anew in different splits only those in the highest one stay, in one group."""
    for path in sorted((folder / "pizza").iterdir()):
        path.with_suffix(".jpg").write_bytes(jpeg(path))
    found = look(folder)
    pizzas = [e for e in found.examples if found.labels[e.label] == "pizza"]
    groups = {}
    for example in pizzas:
        groups.setdefault(example.group, []).append(example)

    assert 40 == len(groups)
    assert all(len({e.split for e in group}) == 1 for group in groups.values())
    assert any(len(group) == 2 for group in groups.values())
    assert all(min(e.sha256 for e in group) == key for key, group in groups.items() if len(group) == 2)
    judged = {e.path.stem for e in data.scan(folder)[0] if e.split == "test" and "pizza" in e.path.parts}
    assert judged == {e.path.stem for e in pizzas if e.split == "test"}


def test_many_near_copies_make_a_short_note(folder, look):
    """All files are in the finding, a few of them in its text."""
    with Image.open(folder / "pizza" / "0007.png") as image:
        for quality in range(60, 90, 3):
            image.save(folder / "pizza" / f"at {quality}.jpg", quality=quality)
    (finding,) = look(folder).findings

    assert 11 == len({*finding.files, *finding.beside})
    assert "more" in finding.note
    assert 9 > finding.note.count("pizza/")


def test_a_near_copy_in_another_class_is_pointed_out(folder, look):
    """One of the two labels is wrong, which only people can tell; both files are named."""
    (folder / "salad" / "odd.jpg").write_bytes(jpeg(folder / "pizza" / "0003.png"))
    (finding,) = look(folder).findings

    assert "near-duplicate-in-two-classes" == finding.kind
    assert "pizza/0003.png" in finding.note
    assert "salad/odd.jpg" in finding.note


@pytest.fixture
def contested(folder):
    shutil.copy(folder / "pizza" / "0005.png", folder / "salad" / "stolen.png")
    return folder


def test_one_picture_in_two_classes_is_refused_with_a_list_to_edit(contested, look, tmp_path):
    """The list leaves out both; with a line deleted, that file is trained on."""
    with pytest.raises(Refused, match=r"pizza/0005\.png = salad/stolen\.png \(pizza and salad\)") as refused:
        look(contested)
    drop_list = refused.value.drop_list

    assert tmp_path / "drops" / "data-drop.txt" == drop_list
    assert f"--drop {drop_list}" in str(refused.value)
    assert 79 == len(look(contested, drop=drop_list).examples)
    drop_list.write_text(drop_list.read_text().replace("\npizza/0005.png", ""))
    found = look(contested, drop=drop_list)
    assert [("dropped", "left out")] == kinds(found)
    assert contested / "pizza" / "0005.png" in {e.path for e in found.examples}


def test_auto_leaves_out_what_would_be_refused(contested, look):
    """Neither of the two files is used, and the report says so."""
    found = look(contested, drop="auto")

    assert [("two-classes", "left out")] == kinds(found)
    assert 79 == len(found.examples)


def test_a_class_without_pictures_is_refused(folder, look):
    """A missing folder of a named class; and with --drop auto an empty folder is no class if none was named."""
    (folder / "empty").mkdir()
    with pytest.raises(Refused, match="empty: missing, empty"):
        look(folder)
    with pytest.raises(Refused, match="sushi: missing, empty") as refused:
        look(folder, ("pizza", "salad", "sushi"), drop="auto")

    assert refused.value.drop_list is None
    assert ("pizza", "salad") == look(folder, drop="auto").labels
    assert data.scan(folder, ("pizza", "salad"))[0] == look(folder, drop="auto").examples


def test_classes_keep_their_pictures_when_one_before_them_falls_away(folder, look):
    """Class indices follow the labels that are left."""
    (folder / "apple").mkdir()
    found = look(folder, drop="auto")

    assert {"pizza", "salad"} == {found.labels[e.label] for e in found.examples}
    assert all(found.labels[e.label] == e.path.parent.name for e in found.examples)


def test_fewer_than_two_classes_with_pictures_are_refused(folder, look):
    """Whatever may be left out."""
    for path in (folder / "salad").iterdir():
        path.write_bytes(b"")

    with pytest.raises(Refused, match=r"1 of 2 classes have pictures"):
        look(folder, drop="auto")


def test_a_fifth_of_unreadable_files_is_refused(folder, look):
    """More than 20 % broken is no accident of single files; exactly 20 % is trained on."""
    paths = sorted((folder / "pizza").iterdir())
    for path in paths[:16]:
        path.write_bytes(path.read_bytes()[:200])
    assert 64 == len(look(folder).examples)
    paths[16].write_bytes(b"")

    with pytest.raises(Refused, match=r"17 of 80") as refused:
        look(folder)
    assert 63 == len(look(folder, drop=refused.value.drop_list).examples)
    assert 63 == len(look(folder, drop="auto").examples)


def test_few_pictures_and_empty_splits_are_pointed_out(folder, look):
    """A class with fewer than ten pictures is trained on, with a warning."""
    write_folder(folder, ("pizza", "salad", "sky"), 3, 72)
    found = look(folder)

    assert ("few-pictures", "kept") in kinds(found)
    assert any("sky: none in" in f.note for f in found.findings if f.kind == "no-pictures-in-split")


def test_classes_outside_the_labels_are_pointed_out(folder, look):
    """A folder that is no class of the model is not forgotten in silence."""
    write_folder(folder, ("pizza", "salad", "sky"), 20, 72)
    found = look(folder, ("salad", "pizza"))

    assert ("ignored-class", "left out") in kinds(found)
    assert ("salad", "pizza") == found.labels


@pytest.mark.parametrize(("content", "said"), [(None, "no such file"), (b"\xff\xfe\x00", "not a text file")])
def test_a_drop_list_that_is_none_is_refused(folder, look, tmp_path, content, said):
    """The message names the file."""
    if content:
        (tmp_path / "list.txt").write_bytes(content)

    with pytest.raises(DataError, match=rf"list\.txt.*{said}"):
        look(folder, drop=tmp_path / "list.txt")


def test_a_name_in_the_drop_list_that_is_not_there_is_pointed_out(folder, look, tmp_path):
    """A misspelt line must not look as if it had worked."""
    (tmp_path / "list.txt").write_text("# a note\npizza/0000.png\npizza/0000.jpg\n")
    found = look(folder, drop=tmp_path / "list.txt")

    assert [("dropped", "left out"), ("unknown-in-drop-list", "kept")] == kinds(found)


def test_an_edited_drop_list_is_never_written_over(tmp_path):
    """A second list gets a number; the same list again does not."""
    first = write_drop_list(tmp_path / "drop.txt", ["a.png"], [])
    again = write_drop_list(tmp_path / "drop.txt", ["a.png"], [])
    other = write_drop_list(tmp_path / "drop.txt", ["b.png"], [])

    assert (tmp_path / "drop.txt", tmp_path / "drop.txt", tmp_path / "drop-2.txt") == (first, again, other)
    assert "a.png" in first.read_text()


def test_everything_found_can_be_written_as_json(contested, look):
    """Counts, content hash and findings with all their files."""
    found = json.loads(json.dumps(look(contested, drop="auto").to_json()))

    assert ["pizza/0005.png", "salad/stolen.png"] == found["findings"][0]["files"]
    assert 79 == found["pictures"] == sum(n for split in found["counts"].values() for n in split.values())
