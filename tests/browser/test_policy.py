"""The page under its Content-Security-Policy: nothing inline, nothing from elsewhere."""

import urllib.request
from html.parser import HTMLParser

import pytest
from playwright.sync_api import expect

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data: blob: http: https:",
    "connect-src": "'self'",
    "form-action": "'none'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}


def test_the_page_is_sent_with_the_policy(gateway_address):
    """The page comes with the strict policy, which allows no inline script or style."""
    with urllib.request.urlopen(gateway_address) as response:
        header = response.headers["Content-Security-Policy"]
    directives = {name: set(sources) for name, *sources in map(str.split, header.split(";"))}
    assert {name: set(sources.split()) for name, sources in POLICY.items()} == {
        name: directives.get(name) for name in POLICY
    }


def test_the_page_holds_nothing_inline_or_foreign(gateway_address):
    """The HTML has no inline script, style or handler, and names no other host."""
    found = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attributes):
            found.extend((tag, name) for name, value in attributes if name.startswith("on") or name == "style")
            found.extend((tag, value) for name, value in attributes if name in ("src", "href") and "//" in value)
            if tag == "style" or (tag == "script" and "src" not in dict(attributes)):
                found.append((tag, "inline"))

    with urllib.request.urlopen(gateway_address) as response:
        Reader().feed(response.read().decode())
    assert [] == found


def test_inline_script_does_not_run(open_page):
    """A script that got into the page does not run, and the watch of these tests sees it."""
    classifier = open_page()
    classifier.page.evaluate(
        """() => {
          const script = document.createElement("script");
          script.textContent = "document.title = 'run'";
          document.body.append(script);
        }"""
    )
    expect(classifier.page).to_have_title("Image classifiers")
    assert any("script-src" in offence for offence in classifier.offences)
    with pytest.raises(AssertionError):
        classifier.check()
    classifier.offences.clear()


def test_request_to_another_host_is_noticed(open_page, picture_host):
    """A request to a host that the test did not name fails the test: the watch works."""
    classifier = open_page()
    with classifier.page.expect_response("**/drawn.png"):
        classifier.page.evaluate("(source) => { new Image().src = source; }", f"{picture_host}/drawn.png")
    with pytest.raises(AssertionError, match="request to"):
        classifier.check()
    classifier.allowed_hosts.add(picture_host.removeprefix("http://"))
