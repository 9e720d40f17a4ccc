"""Reports in a browser: nothing is cut off or too small to read, on a phone and on a screen, light and dark."""

import dataclasses

import pytest
from PIL import Image

from tests.unit.training.evaluation import small_versions
from training.data.explore import explore
from training.evaluation.comparison import answer_both, compare
from training.evaluation.evaluate import answer
from training.evaluation.examination import examine
from training.report import comparison, evaluation

LABELS = (
    "pizza",
    "salad",
    "long_sleeved_shirt_of_wool",
    "hat",
    "ankle boot",
    "t-shirt",
    "skirt",
    "shoe",
    "bag",
    "coat",
)
WIDTHS = [320, 390, 1280]
SMALLEST_PX = {320: 7, 390: 8, 1280: 12}

CUT_OFF = """() => [...document.querySelectorAll(".plot")].flatMap((plot) => {
  const box = plot.getBoundingClientRect();
  return [...plot.querySelectorAll("text")].filter((text) => {
    const inner = text.getBoundingClientRect();
    return inner.left < box.left - 1 || inner.right > box.right + 1
      || inner.top < box.top - 1 || inner.bottom > box.bottom + 1;
  }).map((text) => text.textContent);
})"""
SMALLEST = """() => Math.min(...[...document.querySelectorAll(".plot text")].map((text) => {
  const matrix = text.getScreenCTM();
  return parseFloat(getComputedStyle(text).fontSize) * Math.hypot(matrix.a, matrix.b);
}))"""
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """Write the reports of an evaluation and of a comparison, ten classes with long names."""
    folder = tmp_path_factory.mktemp("reports")
    pictures = small_versions.write_data(folder / "data", LABELS, 6)
    models = [small_versions.write_version(folder / f"drawn/{v}", green, LABELS) for v, green in ((1, 1.0), (2, 1.6))]
    answers = answer(models[0], pictures, "all")
    spoilt = dataclasses.replace(answers.fitted, splits=("train",), pictures=40, certain=True)
    found = examine(dataclasses.replace(answers, fitted=spoilt))
    return {
        "evaluation": evaluation.page(found).write(folder / "evaluation.html"),
        "comparison": comparison.page(compare(*answer_both(*models, pictures, "all"), 0.05)).write(folder / "c.html"),
        "data": explore(spoil(pictures), folder / "data.html", drop_lists=folder),
    }


def spoil(pictures):
    """Put a broken file, a very long name, a copy, a near copy and a picture in two classes among the pictures."""
    folder = pictures / LABELS[2]
    first, second, third, *_ = sorted(folder.iterdir())
    (folder / "broken.png").write_bytes(first.read_bytes()[:200])
    (folder / f"{'a_name_without_any_break_' * 6}.png").write_bytes(first.read_bytes())
    Image.open(second).resize((90, 240)).save(folder / "near.jpg", quality=95)
    (pictures / LABELS[0] / "stolen.png").write_bytes(third.read_bytes())
    return pictures


@pytest.fixture
def opened(chromium, reports):
    """Open reports; nothing may be logged or asked for."""
    offences, contexts = [], []

    def open_one(name, **options):
        contexts.append(chromium.new_context(**options))
        page = contexts[-1].new_page()
        page.on("console", lambda message: offences.append(message.text))
        page.on("request", lambda request: offences.append(request.url) if request.url.startswith("http") else None)
        page.goto(reports[name].as_uri())
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert [] == offences


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["evaluation", "comparison", "data"])
def test_a_report_fits_its_window_and_can_be_read(opened, name, width):
    """The page never scrolls sideways, no text of a figure is cut off, and none is smaller than is read with ease."""
    page = opened(name, viewport={"width": width, "height": 800})

    assert 0 == page.evaluate(OVERFLOW)
    assert [] == page.evaluate(CUT_OFF)
    assert page.evaluate(SMALLEST) >= SMALLEST_PX[width]


def test_wide_tables_scroll_in_their_own_box(opened):
    """On a phone the table of classes is wider than its box, which takes the focus so that keys can move it."""
    page = opened("evaluation", viewport={"width": 390, "height": 800})
    box = page.locator(".scroll").first

    assert box.evaluate("box => box.scrollWidth > box.clientWidth")
    assert "0" == box.get_attribute("tabindex")


@pytest.mark.parametrize("name", ["evaluation", "data"])
def test_all_pictures_are_shown(opened, name):
    """A picture that does not decode has no width."""
    page = opened(name, viewport={"width": 390, "height": 800})
    widths = page.evaluate("[...document.images].map((image) => image.naturalWidth)")

    assert len(widths) > 10
    assert min(widths) >= 64


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_ink_of_figures_stands_out_from_the_ground(opened, scheme):
    """Dark on light or light on dark, as the system asks for."""
    page = opened("comparison", color_scheme=scheme)
    colours = page.evaluate(
        """() => [getComputedStyle(document.querySelector(".plot text")).fill,
                  getComputedStyle(document.querySelector("section")).backgroundColor]"""
    )
    ink, ground = (sum(int(part) for part in one.removeprefix("rgb(").removesuffix(")").split(",")) for one in colours)

    assert (ink > ground) == (scheme == "dark")
    assert abs(ink - ground) > 384
