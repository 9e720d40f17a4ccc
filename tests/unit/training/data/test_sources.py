import shutil

import pytest

from training.artefact.drawings import write_folder
from training.data.sources import DataError, read


@pytest.fixture
def folder(tmp_path):
    write_folder(tmp_path / "data", ("pizza", "salad"), 3, 16)
    return tmp_path / "data"


def names(source):
    return [(source.labels[file.label], file.name) for file in source.files]


def test_every_folder_is_a_class(folder):
    """Classes are the folders' names sorted, files are sorted by class and name."""
    assert [
        *(("pizza", f"pizza/000{n}.png") for n in range(3)),
        *(("salad", f"salad/000{n}.png") for n in range(3)),
    ] == names(read(folder))


def test_folders_within_a_class_belong_to_it_and_hidden_files_to_nothing(folder):
    """Pictures lie at any depth; what a desktop or a Mac's archive leaves behind is no picture."""
    (folder / "pizza" / "italy").mkdir()
    (folder / "pizza" / "0000.png").rename(folder / "pizza" / "italy" / "margherita.png")
    for left in ("pizza/.DS_Store", "pizza/__MACOSX/0001.png", "__MACOSX/pizza/0001.png", ".git/config"):
        (folder / left).parent.mkdir(parents=True, exist_ok=True)
        (folder / left).write_bytes(b"\0")

    assert ("pizza", "pizza/italy/margherita.png") in names(read(folder))
    assert 6 == len(read(folder).files)


@pytest.mark.parametrize("splits", [("train", "validation", "test"), ("Train", "val"), ("training", "testing")])
def test_train_validation_and_test_folders_are_merged(folder, tmp_path, splits):
    """The classes are those inside; the folder that a picture lay in says nothing about its split."""
    for split in splits:
        write_folder(tmp_path / "nested" / split, ("pizza", "salad"), 2, 16)
    found = read(tmp_path / "nested")

    assert ("pizza", "salad") == found.labels
    assert len(splits) * 4 == len(found.files)
    assert f"{splits[0]}/pizza/0000.png" in {file.name for file in found.files}


def test_a_class_may_be_called_test(folder):
    """Folders with pictures in them are classes, whatever their names."""
    (folder / "pizza").rename(folder / "test")
    (folder / "salad").rename(folder / "train")

    assert ("test", "train") == read(folder).labels


def test_classes_that_were_not_asked_for_are_counted(folder):
    """They are not trained on, and a report can say so; a class that is missing is no error yet."""
    found = read(folder, ("pizza", "sushi"))

    assert {"salad": 3} == found.ignored
    assert {"pizza"} == {found.labels[file.label] for file in found.files}


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_a_csv_file_names_pictures_and_classes(folder, delimiter, start):
    """Files are relative to the CSV file; other columns, spaces, quotes and a byte order mark do no harm."""
    rows = ["id,file,label", '1,"pizza/0000.png",pizza', "2, salad/0001.png , salad ", "", "3,pizza/0001.png,pizza"]
    table = folder / "photos.csv"
    table.write_text(start + "\r\n".join(row.replace(",", delimiter) for row in rows), encoding="utf-8")

    assert [("pizza", "pizza/0000.png"), ("pizza", "pizza/0001.png"), ("salad", "salad/0001.png")] == names(read(table))


def test_bad_rows_are_named_by_their_lines(folder):
    """A row without file or label, and a file that is not there; empty and quoted lines do not shift the count."""
    table = folder / "photos.csv"
    table.write_text('file,label\npizza/0000.png,pizza\n\n"",pizza\nsalad/0000.png,\nsalad/nowhere.png,salad\n')

    with pytest.raises(DataError) as raised:
        read(table)

    assert f"{table}, bad rows:\nline 4: no file\nline 5: no label\nline 6: salad/nowhere.png does not exist" == str(
        raised.value
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"name,class\na.png,b\n", "line 1: the columns 'file' and 'label' are needed; found name, class"),
        (b"", "line 1: the columns 'file' and 'label' are needed; found nothing"),
        (b"file,label\n\xff\xfe,pizza\n", "UTF-8"),
        (b'file,label\n"never closed,pizza\n', "CSV"),
        (b"file,label\nx.png\n", "line 2: no label"),
    ],
)
def test_what_is_no_table_is_refused_in_words(folder, content, said):
    """The message names the file and what is wrong with it."""
    (folder / "photos.csv").write_bytes(content)

    with pytest.raises(DataError, match=r"photos\.csv") as raised:
        read(folder / "photos.csv")

    assert said in str(raised.value)


def test_labels_that_repeat_are_refused(folder):
    """Every picture of that class would be in two."""
    with pytest.raises(DataError, match="pizza is there more than once"):
        read(folder, ("pizza", "salad", "pizza"))


def test_one_class_is_no_classifier(folder):
    """A folder with one class folder is refused, and so is a file that is no CSV file, and nothing at all."""
    shutil.rmtree(folder / "salad")

    for source, said in (
        (folder, "holds 1 class"),
        (folder / "pizza" / "0000.png", "neither"),
        (folder / "x", "exist"),
    ):
        with pytest.raises(DataError, match=said):
            read(source)
