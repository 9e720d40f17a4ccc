"""`training bring`: later steps of a pipeline see the pictures that the first one saw."""

import csv
import json

import pytest

from training.__main__ import main
from training.artefact.drawings import write_folder
from training.config import load_config

LABELS = load_config("drawn").labels


@pytest.fixture(scope="module")
def drawings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bring") / "pictures"
    write_folder(folder, LABELS, 3, 48)
    (folder / ".hidden").mkdir()
    (folder / ".hidden/a.png").write_bytes(b"")
    return folder


def digest(folder, capsys):
    """The content hash that training would record."""
    capsys.readouterr()
    assert 0 == main(["audit", "--data", str(folder), "--labels", ",".join(LABELS), "--json"])
    return json.loads(capsys.readouterr().out)["content_sha256"]


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_folder_keeps_its_names(drawings, tmp_path, capsys):
    """A drop list speaks of files by their names; what is hidden stays where it is."""
    assert 0 == main(["bring", "drawn", "--data", str(drawings), "--out", str(tmp_path / "out")])
    assert f"{drawings}\n" == capsys.readouterr().out
    assert [name for name in names(drawings) if not name.startswith(".")] == names(tmp_path / "out")
    assert digest(drawings, capsys) == digest(tmp_path / "out", capsys)


def test_a_csv_file_becomes_a_folder_a_class(drawings, tmp_path, capsys):
    """With the same pictures in the same classes."""
    with (tmp_path / "listed.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["file", "label"])
        rows.writerows((str(path), path.parent.name) for path in sorted(drawings.glob("[!.]*/*.png")))
    assert 0 == main(["bring", "drawn", "--data", str(tmp_path / "listed.csv"), "--out", str(tmp_path / "out")])
    assert set(LABELS) == {folder.name for folder in (tmp_path / "out").iterdir()}
    assert digest(drawings, capsys) == digest(tmp_path / "out", capsys)


def test_another_file_system_gets_copies(drawings, tmp_path, monkeypatch):
    """Where a file cannot have a second name, it is copied."""

    def link(source, target):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr("os.link", link)
    assert 0 == main(["bring", "drawn", "--data", str(drawings), "--out", str(tmp_path / "out")])
    copy, original = (folder / LABELS[0] / "0000.png" for folder in (tmp_path / "out", drawings))
    assert original.read_bytes() == copy.read_bytes()
    assert original.stat().st_ino != copy.stat().st_ino


def test_pictures_that_are_not_there_are_told(tmp_path, capsys):
    """One sentence, as every verb has it."""
    assert 1 == main(["bring", "drawn", "--data", "/no/such", "--out", str(tmp_path / "out")])
    assert capsys.readouterr().err.startswith("training bring: --data /no/such")
