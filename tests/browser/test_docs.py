"""The page about the calls, /docs."""

import pytest
from playwright.sync_api import expect

from tests.browser.test_accessibility import findings


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
def test_the_calls_are_readable(open_page, color_scheme):
    """From the page's foot to the calls; axe-core finds nothing there, and nothing is wider than a phone."""
    classifier = open_page(color_scheme=color_scheme, viewport={"width": 360, "height": 800})
    page = classifier.page
    page.get_by_role("link", name="Calls for programs").click()
    expect(page.get_by_role("heading", name="POST /predict")).to_be_visible()
    assert [] == findings(page)
    assert 360 >= page.evaluate("document.documentElement.scrollWidth")


def test_a_message_is_found_from_its_call(open_page):
    """A call's message is a link to what it holds."""
    page = open_page().page
    page.goto(page.url + "docs")
    page.get_by_role("link", name="Instances").first.click()
    expect(page.get_by_role("heading", name="Instances")).to_be_in_viewport()
    page.get_by_text("Problems", exact=True).first.click()
    expect(page.get_by_text("There is too much to do").first).to_be_visible()
