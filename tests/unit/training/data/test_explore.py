import base64
import io
import re
import shutil
from html.parser import HTMLParser

import pytest
from PIL import Image

from training.__main__ import main
from training.artefact.drawings import write_folder
from training.data.explore import explore


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn")
    write_folder(folder, ("pizza", "salad"), 16, 72)
    return folder


@pytest.fixture
def folder(drawn, tmp_path):
    return shutil.copytree(drawn, tmp_path / "photos")


class Text(HTMLParser):
    """Collects what a reader sees, and every address that the page refers to."""

    def __init__(self, html):
        super().__init__()
        self.words, self.addresses = [], []
        self.feed(html)

    def handle_data(self, data):
        self.words.append(data)

    def handle_starttag(self, tag, attributes):
        self.addresses += [value for name, value in attributes if name in ("src", "href") and value]


def read(path):
    found = Text(path.read_text(encoding="utf-8"))
    return " ".join(" ".join(found.words).split()), found.addresses


def test_the_report_says_what_is_in_the_folder(folder, tmp_path):
    """Counts, splits, sizes, formats and every class; all in one file that asks for nothing."""
    text, addresses = read(explore(folder, tmp_path / "report.html"))

    for said in ("32 of 32 files", "pizza: 9 of 16", "Every picture is 72 x 72 pixels", "PNG 32 100.0%", "Mean colour"):
        assert said in text
    assert all(re.match(r"data:image/|#", address) for address in addresses)


def test_its_pictures_can_be_decoded(folder, tmp_path):
    """Nine samples a class, a mean picture and a colour a class, at least."""
    _, addresses = read(explore(folder, tmp_path / "report.html"))
    pictures = [Image.open(io.BytesIO(base64.b64decode(a.partition(",")[2]))) for a in addresses if a[0] == "d"]

    assert len(pictures) >= 2 * (9 + 1 + 1)
    assert all(picture.load() for picture in pictures)


def test_trouble_is_shown_with_names_and_pictures(folder, tmp_path):
    """Broken files and copies by name, near copies side by side, and sizes as a plot once they differ."""
    (folder / "pizza" / "cut.png").write_bytes((folder / "pizza" / "0000.png").read_bytes()[:300])
    shutil.copy(folder / "pizza" / "0001.png", folder / "pizza" / "again.png")
    Image.open(folder / "pizza" / "0002.png").resize((80, 90)).save(folder / "salad" / "near.jpg", quality=95)
    text, _ = read(explore(folder, tmp_path / "report.html"))

    for said in (
        "pizza/cut.png: The picture is broken",
        "pizza/again.png = pizza/0001.png",
        "near copies in two classes, so one label is probably wrong: 1",
        "2 different sizes",
    ):
        assert said in text


def test_pictures_that_training_refuses_are_explored_all_the_same(folder, tmp_path):
    """The report begins with the reason, and what to do."""
    shutil.copy(folder / "pizza" / "0001.png", folder / "salad" / "stolen.png")
    text, _ = read(explore(folder, tmp_path / "report.html", drop_lists=tmp_path))

    assert "cannot be trained on" in text
    assert "pizza/0001.png = salad/stolen.png" in text
    assert text.index("--drop") < text.index("A picture's split follows")


def test_a_folder_in_which_nothing_can_be_decoded_has_a_report(tmp_path):
    """Even that is something to look at."""
    for name in ("a", "b"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        (tmp_path / "photos" / name / "x.png").write_bytes(b"")
    text, _ = read(explore(tmp_path / "photos", tmp_path / "report.html", drop_lists=tmp_path))

    assert "0 of 2 files" in text
    assert "a/x.png: The file is empty." in text


def test_hostile_names_stay_text(tmp_path):
    """A class or file may be called anything."""
    write_folder(tmp_path / "photos", ("<script>alert(1)", "b & c"), 3, 40)
    html = explore(tmp_path / "photos", tmp_path / "report.html").read_text(encoding="utf-8")

    assert "<script" not in html
    assert "b &amp; c" in html


def test_the_verbs_print_what_they_found_and_where_it_is(folder, tmp_path, capsys):
    """`audit` prints a table, `explore` the file's name; both keep what they measured in the cache."""
    cache = ["--cache", str(tmp_path / "cache")]

    assert 0 == main(["audit", "--data", str(folder), *cache])
    assert "32 pictures to use" in capsys.readouterr().out
    assert 0 == main(["explore", "--data", str(folder), "--out", str(tmp_path / "r.html"), *cache])
    assert f"{tmp_path / 'r.html'}\n" == capsys.readouterr().out
    assert (tmp_path / "cache" / "pictures.sqlite").exists()


def test_a_mistake_is_answered_in_one_sentence(capsys):
    """No stack trace, and the known names."""
    assert 1 == main(["audit", "--data", "no/such/folder"])
    assert "training audit: --data no/such/folder: there is no such folder or file, nor a known data set (pizza, " in (
        capsys.readouterr().err
    )
