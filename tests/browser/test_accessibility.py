"""Keyboard, screen reader, contrast and motion (WCAG 2.2 AA as far as a machine can tell)."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


def findings(page):
    """List axe-core's findings (contrast among them) as readable lines."""
    violations = Axe().run(page, options=RULES).response["violations"]
    return [f"{one['id']}: {node['target']} {node['failureSummary']}" for one in violations for node in one["nodes"]]


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
def test_no_state_of_the_page_has_findings(open_page, pictures, color_scheme):
    """Axe-core finds nothing in any state of the page, in both colour schemes."""
    # Motion is off: a colour in the middle of an animation has no contrast to speak of.
    classifier = open_page(color_scheme=color_scheme, reduced_motion="reduce")
    page = classifier.page
    expect(page.locator("#card")).to_be_visible()
    page.get_by_text("The whole card as JSON").click()
    assert [] == findings(page)

    classifier.choose(pictures / "drawn.png").answer()
    assert [] == findings(page)

    classifier.choose(pictures / "notes.txt").error()
    page.get_by_role("button", name="Classify link").click()
    assert [] == findings(page)

    page.route("**/*:predict", lambda _: None, times=1)
    classifier.choose(pictures / "drawn.png")
    expect(page.locator("#answer-busy")).to_be_visible()
    assert [] == findings(page)

    page.get_by_role("button", name="Take a photo").click()
    expect(page.get_by_role("button", name="Use this view")).to_be_enabled()
    assert [] == findings(page)


def test_axe_sees_what_is_wrong(open_page):
    """The check itself can fail: an image without a name and pale text are found."""
    page = open_page().page
    page.evaluate(
        """() => {
          document.querySelector("footer").append(document.createElement("img"));
          document.querySelector("footer p").style.color = "#ddd";
        }"""
    )
    assert {"color-contrast", "image-alt"} <= {line.split(":")[0] for line in findings(page)}


def test_keyboard_alone_gets_an_answer(open_page, pictures):
    """Tab goes through the controls in reading order; Enter opens the chooser; the answer comes without a mouse."""
    classifier = open_page()
    page = classifier.page
    for control in ("#model", "#choose", "#photograph", "#link"):
        page.keyboard.press("Tab")
        expect(page.locator(control)).to_be_focused()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files(pictures / "drawn.png")
    assert 2 == len(classifier.answer())


def test_model_changes_by_keyboard(open_page):
    """The choice of model answers to the arrow keys."""
    page = open_page().page
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label("Model", exact=True)).to_have_value("second")


def test_focus_is_not_lost_with_a_button(open_page, pictures):
    """When the button in use goes away, the focus goes to the heading of the answer, not to the top of the page."""
    classifier = open_page()
    page = classifier.page
    page.route("**/*:predict", lambda _: None, times=1)
    classifier.choose(pictures / "drawn.png")
    page.get_by_role("button", name="Cancel").press("Enter")
    expect(page.get_by_role("heading", name="Answer")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Try again")).to_be_focused()
    page.keyboard.press("Enter")
    classifier.answer()
    expect(page.get_by_role("heading", name="Answer")).to_be_focused()


def test_focus_is_visible(open_page):
    """Whatever has the keyboard's focus has an outline."""
    page = open_page().page
    for _ in range(5):
        page.keyboard.press("Tab")
        style = page.evaluate("getComputedStyle(document.activeElement).outline")
        assert "solid 3px" in style


def test_errors_are_alerts(open_page, pictures):
    """An error is spoken at once, and the link's problem belongs to its field."""
    classifier = open_page().choose(pictures / "notes.txt")
    classifier.error()
    page = classifier.page
    assert "alert" == page.locator("#error").get_attribute("role")
    page.get_by_role("button", name="Classify link").click()
    field = page.get_by_role("textbox", name="Link to a picture")
    expect(field).to_have_accessible_description("Give a full address that starts with http:// or https://.")


def test_landmarks_and_headings(open_page):
    """The page has one main landmark, one top heading, and names its sections."""
    page = open_page().page
    expect(page.get_by_role("main")).to_have_count(1)
    expect(page.get_by_role("heading", level=1)).to_have_text("Image classifiers")
    for name in ("Picture", "Answer", "Model card: Pizza"):
        expect(page.get_by_role("region", name=name, exact=True)).to_be_visible()
    expect(page.get_by_role("combobox", name="Model")).to_be_visible()


def test_motion_can_be_switched_off(open_page, pictures):
    """Where people ask for less motion nothing moves."""
    classifier = open_page(reduced_motion="reduce")
    page = classifier.page
    page.route("**/*:predict", lambda _: None, times=1)
    classifier.choose(pictures / "drawn.png")
    expect(page.locator("#answer-busy")).to_be_visible()
    assert 0 == page.evaluate("document.getAnimations().length")
