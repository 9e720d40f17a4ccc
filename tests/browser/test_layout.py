"""Phone width, zoom and dark mode."""

import pytest
from playwright.sync_api import expect

WIDTHS = [320, 390, 768, 1280]
LONG = "a_very_long_class_name_without_any_break_that_a_foreign_model_may_bring_with_it"


def overflow(page):
    """Give the pixels by which the page is wider than its window."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


@pytest.mark.parametrize("width", WIDTHS)
def test_no_sideways_scrolling(open_page, pictures, width):
    """From 320 px on the page never scrolls sideways: empty, with an answer, with an error."""
    classifier = open_page(viewport={"width": width, "height": 800})
    expect(classifier.page.locator("#card")).to_be_visible()
    assert 0 == overflow(classifier.page)
    classifier.choose(pictures / "drawn.png").answer()
    assert 0 == overflow(classifier.page)
    classifier.choose(pictures / "notes.txt").error()
    assert 0 == overflow(classifier.page)


def test_long_names_do_not_widen_a_phone(open_page, pictures):
    """Long class names and errors wrap."""
    classifier = open_page(viewport={"width": 320, "height": 700})
    page = classifier.page
    answer = {"predictions": [{"probabilities": {LONG: 0.9, "b": 0.1}}], "model": {"name": LONG, "version": 1}}
    page.route("**/*:predict", lambda route: route.fulfill(json=answer), times=1)
    classifier.choose(pictures / "drawn.png").answer()
    assert 0 == overflow(page)
    problem = {"title": LONG, "detail": LONG, "status": 400, "request_id": LONG}
    page.route("**/*:predict", lambda route: route.fulfill(status=400, json=problem), times=1)
    classifier.choose(pictures / "drawn.png").error()
    assert 0 == overflow(page)


def test_answer_comes_into_view_on_a_phone(open_page, pictures):
    """On a phone the answer scrolls into view by itself."""
    classifier = open_page(viewport={"width": 390, "height": 700})
    classifier.choose(pictures / "drawn.png").answer()
    expect(classifier.page.locator("#verdict-share")).to_be_in_viewport()


def test_controls_are_large_enough_for_fingers(open_page):
    """Buttons, the choice and the field are at least 44 px high."""
    page = open_page(viewport={"width": 390, "height": 800}).page
    heights = {
        control.evaluate("one => one.id || one.textContent"): control.bounding_box()["height"]
        for control in page.locator("button:visible, select:visible, input:visible").all()
    }
    assert {} == {name: height for name, height in heights.items() if height < 44}


@pytest.mark.parametrize(("color_scheme", "is_dark"), [("light", False), ("dark", True)])
def test_colours_follow_the_system(open_page, color_scheme, is_dark):
    """The page is dark where the system is."""
    page = open_page(color_scheme=color_scheme).page
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    red, green, blue = (int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(","))
    assert is_dark == (red + green + blue < 384)
