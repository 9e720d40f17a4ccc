"""The page shows a classifier that `training new` added, without another edit."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ClassifierPage
from tests.conftest import FOURTH, FOURTH_LABELS, FOURTH_TASK
from tests.contract.running import Running


@pytest.fixture(scope="module")
def address(fourth_repository):
    """`make run` over the tree that the classifier was added to."""
    started = Running("--models", str(fourth_repository / "apps/model-server/models"))
    assert started.process.poll() is None, started.words
    yield started.address
    started.stop()


def test_the_page_offers_and_uses_it(chromium, address, fourth_repository):
    """The new classifier can be chosen on the page, says its task, and answers a picture with its own classes."""
    context = chromium.new_context()
    classifier = ClassifierPage(context.new_page(), address).open()
    page = classifier.page
    page.get_by_label("Model", exact=True).select_option(FOURTH)
    expect(page.locator("#model-note")).to_have_text(FOURTH_TASK)
    label = FOURTH_LABELS[1]
    picture = min((fourth_repository / "drawn" / label).iterdir())
    bars = classifier.choose(picture).answer()
    assert set(FOURTH_LABELS) == {name.lower() for name, _ in bars}  # the page writes Salad for salad
    assert label == bars[0][0].lower()
    context.close()
    classifier.check()
