"""The kit that reports are made of."""

import base64
import io
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training.report import plots
from training.report.page import Page

ROOT = Path(__file__).parents[3]
HOSTILE = '<img src=x onerror="alert(1)">&'


def drawn():
    return plots.bars(["cat", "dog"], [0.5, 0.75], x="recall")


def test_everything_given_as_text_is_escaped(tmp_path):
    """File and class names are other people's words, in every part of a page."""
    page = Page(HOSTILE, HOSTILE).facts([(HOSTILE, HOSTILE, HOSTILE)]).warning(HOSTILE).paragraph(HOSTILE)
    page.section(HOSTILE, HOSTILE).table([HOSTILE], [[HOSTILE]], HOSTILE)
    page.pictures([(np.zeros((4, 4, 3), np.uint8), HOSTILE)], HOSTILE)
    page.figure(plots.bars([HOSTILE], [1.0], x=HOSTILE), HOSTILE, HOSTILE)

    assert "<img src=x" not in page.html()
    assert page.html().count("&lt;img src=x") > 10


def test_figures_of_one_page_share_no_id():
    """Each figure's parts are numbered from one by matplotlib; a page with two would point from one into the other."""
    html = Page("two").figure(drawn(), "first", "a").figure(drawn(), "second", "b").html()
    ids = re.findall(r'\bid="([^"]+)"', html)
    used = set(re.findall(r'(?:url\(#|href="#)([^")]+)', html))

    assert len(ids) == len(set(ids))
    assert used <= set(ids)
    assert used


def test_text_of_figures_is_text_and_follows_the_scheme():
    """A name can be found and read aloud, and is drawn in the page's ink, light or dark."""
    html = Page("one").figure(drawn(), "first", "a").html()

    assert re.search(r'<text style="[^"]*var\(--ink\)[^"]*"[^>]*>dog</text>', html)
    for colour in (plots.INK, plots.MUTED, plots.LINE):
        assert colour not in re.sub(r"<style>.*?</style>", "", html, count=1, flags=re.DOTALL)


def test_the_same_page_is_written_the_same():
    """No date, no random id: a report changes only if its content does."""
    first, second = (Page("same").figure(drawn(), "first", "a").html() for _ in range(2))

    assert first == second


def test_a_page_asks_for_nothing_and_runs_nothing():
    """Its policy forbids all but its own styles and pictures; there is no address in it but those of SVG's names."""
    html = Page("alone").figure(drawn(), "first", "a").html()

    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in html
    assert "<script" not in html
    assert {"http://www.w3.org"} >= set(re.findall(r"https?://[^/\"]+", html))


def test_arrays_and_files_become_pictures_of_the_same_content():
    """A small array stays exact; a file is kept as it is."""
    array = np.random.default_rng(0).integers(0, 256, (16, 12, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "JPEG")
    html = Page("pictures").pictures([(array, "array"), (buffer.getvalue(), "file")]).html()
    (first, data), (second, file) = re.findall(r'src="data:(image/\w+);base64,([^"]+)"', html)

    assert ("image/png", "image/jpeg") == (first, second)
    assert buffer.getvalue() == base64.b64decode(file)
    np.testing.assert_array_equal(array, np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))))


def test_other_bytes_are_no_picture():
    """A mistake in the report's code is said, not shown as a broken picture."""
    with pytest.raises(ValueError, match="a picture of a report is"):
        Page("text").pictures([(b"words", "")])


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([0.5, 12, -1], False),
        (["1,574", "12 %", "-"], False),
        (["0.91 to 0.97", "", "+1.2 points"], False),
        (["0.5", "litert"], True),
        (["2026-11-21"], True),
    ],
)
def test_columns_of_numbers_are_flush_right_and_words_left(cells, words):
    """One word makes a column of words."""
    html = Page("table").table(["name", "value"], [["row", cell] for cell in cells]).html()

    assert (len(cells) if words else 0) == html.count('<td class="words">')


def test_contents_are_listed_from_three_sections_on_and_lead_to_them():
    """Titles that share their letters still have their own place."""
    page = Page("contents").section("One").section("Two")
    assert "<nav" not in page.html()
    html = page.section("two!").html()

    assert 3 == len(re.findall(r'<section id="([^"]+)"', html))
    assert sorted(set(re.findall(r'<section id="([^"]+)"', html))) == sorted(re.findall(r'<a href="#([^"]+)"', html))


def test_a_file_appears_whole_in_a_new_folder(tmp_path):
    """Nothing else is left behind."""
    file = Page("written").write(tmp_path / "new" / "report.html")

    assert [file] == list((tmp_path / "new").iterdir())
    assert file.read_text(encoding="utf-8").startswith("<!doctype html>")


@pytest.mark.parametrize("count", [1, 2, 10, 40])
def test_figures_stay_within_their_size_however_many_classes(count):
    """A phone's one column is as wide as the widest figure."""
    names = [f"class number {index} with a long name" for index in range(count)]
    figures = [
        plots.bars(names, np.ones(count), intervals=[(0.5, 1)] * count, text="{:.1f}"),
        plots.bars(names, {"a": np.ones(count), "b": np.ones(count)}),
        plots.heat_map(np.eye(count), names, names, diagonal=True),
        plots.lines([plots.Line(name, [0, 1], [0, 1], [0, 0], [1, 1]) for name in names]),
        plots.histogram({name: [0.1, 0.9] for name in names}),
        plots.scatter({name: ([1], [2]) for name in names}),
    ]

    for figure in figures:
        width, height = figure.get_size_inches()
        assert width <= plots.WIDTH
        assert height <= plots.HEIGHT


def test_a_heat_map_colours_the_diagonal_as_right():
    """Right is blue, wrong vermilion, and opacity is the share."""
    figure = plots.heat_map([[3, 1], [0, 2]], "ab", "ab", shares=np.array([[0.75, 0.25], [0, 1]]), diagonal=True)
    figure.draw_without_rendering()  # a mesh gets its colours then
    colours = figure.axes[0].collections[0].get_facecolor().reshape(2, 2, 4)
    blue, vermilion = (0, 0x72 / 255, 0xB2 / 255), (0xD5 / 255, 0x5E / 255, 0)

    assert pytest.approx(blue) == tuple(colours[0, 0, :3]) == tuple(colours[1, 1, :3])
    assert pytest.approx(vermilion) == tuple(colours[0, 1, :3])
    assert pytest.approx([0.54, 0.18, 0, 0.72]) == colours[..., 3].ravel().tolist()


def test_an_environment_that_cannot_draw_is_told_before_any_work():
    """Python without its packages stands for the environment that only serves; no stack trace, but where to go."""
    code = "from pathlib import Path; from training.report import check_report; check_report(Path('report.html'))"
    ran = subprocess.run([sys.executable, "-S", "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)

    expected = "ValueError: --report needs jinja2, matplotlib, sklearn, tensorflow, which this environment lacks"

    assert expected in ran.stderr
