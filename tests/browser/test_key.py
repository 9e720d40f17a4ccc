"""A gateway that asks for API keys can be used from its page."""

import json

import pytest
from playwright.sync_api import expect

KEY = "ic_" + "k" * 43
PROBLEM = {
    "type": "urn:image-classifiers:problem:unauthorized",
    "title": "An API key is needed",
    "status": 401,
    "detail": "Send your API key as Authorization: Bearer or X-API-Key.",
    "request_id": "a-1",
}


@pytest.fixture
def locked_page(open_page):
    """Open the page of a gateway that answers nothing without the key."""

    def guard(route):
        if route.request.headers.get("authorization") == f"Bearer {KEY}":
            route.continue_()
        else:
            route.fulfill(status=401, content_type="application/problem+json", body=json.dumps(PROBLEM))

    classifier = open_page(load=False)
    classifier.page.route("**/v1/**", guard)
    return classifier.open()


def test_a_key_unlocks_the_page(locked_page, pictures):
    """The page asks for a key, a wrong one changes nothing, the right one goes with every call until the tab closes."""
    field, page = locked_page.page.get_by_label("API key"), locked_page.page
    assert "An API key is needed" in locked_page.error()
    expect(field).to_have_attribute("type", "password")
    for wrong in ("nonsense", "with a space", ""):
        field.fill(wrong)
        page.keyboard.press("Enter")
        expect(field).to_be_visible()
    field.fill(f" {KEY} ")
    page.get_by_role("button", name="Use this key").click()
    expect(page.get_by_label("Model", exact=True)).to_have_value("pizza")
    assert 2 == len(locked_page.choose(pictures / "drawn.png").answer())
    page.reload()
    assert 2 == len(locked_page.choose(pictures / "drawn.png").answer())
    assert KEY not in page.url


def test_no_key_is_asked_for_without_need(open_page, pictures):
    """Where no key is needed none is asked for, errors or not."""
    classifier = open_page()
    classifier.choose(pictures / "notes.txt").error()
    expect(classifier.page.get_by_label("API key")).to_be_hidden()
