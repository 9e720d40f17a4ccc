"""The model card on the page says what card.json says."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import expect

TIMES = "\N{MULTIPLICATION SIGN}"

MODEL = Path(__file__).parents[2] / "apps/model-server/models/pizza"


@pytest.fixture
def card():
    """Read the card of the version that is served: the highest."""
    newest = max(MODEL.glob("*/card.json"), key=lambda path: int(path.parent.name))
    return json.loads(newest.read_text())


def test_card_shows_what_people_ask_first(open_page, card):
    """Task, accuracy with its interval, classes, input size, version, commit and data are on the page."""
    page = open_page().page
    expect(page.get_by_role("heading", name="Model card: Pizza")).to_be_visible()
    shown = page.locator("#card").inner_text()
    accuracy = card["metrics"]["accuracy"]
    figures = [f"{100 * Decimal(accuracy[key]):.1f}%" for key in ("value", "low", "high")]
    parts = [card["task"], *figures, f"{accuracy['n']:,} pictures", card["backbone"], card["git_commit"][:12]]
    parts += [f"{card['input']['width']} {TIMES} {card['input']['height']}", str(card["version"]), card["data"]["name"]]
    assert [] == [part for part in parts if part not in shown]


def test_limits_and_use_are_shown(open_page, card):
    """What the model is for and what it can't do are on the page, word for word."""
    page = open_page().page
    expect(page.get_by_role("heading", name="Model card: Pizza")).to_be_visible()
    shown = " ".join(page.locator("#card").inner_text().split())
    sentences = [
        sentence
        for key in ("intended_use", "limits")
        for sentence in (card[key] if isinstance(card[key], list) else [card[key]])
    ]
    assert [] == [sentence for sentence in sentences if " ".join(sentence.split()) not in shown]


def test_confusion_matrix_is_a_table(open_page, card):
    """The confusion matrix is a table with row and column headers, its counts those of the card."""
    page = open_page().page
    table = page.get_by_role("region", name="Confusion matrix").get_by_role("table")
    expect(table.locator("tbody tr")).to_have_count(len(card["labels"]))  # what follows does not wait for the card
    rows = [row.get_by_role("cell").all_inner_texts() for row in table.locator("tbody tr").all()]
    assert [[f"{count:,}" for count in counts] for counts in card["confusion_matrix"]] == rows
    heads = [name.replace("_", " ").capitalize() for name in card["labels"]]
    assert heads == table.get_by_role("rowheader").all_inner_texts()
    assert ["True class", *heads] == table.get_by_role("columnheader").all_inner_texts()


def test_each_class_has_its_figures(open_page, card):
    """The figures of each class are a table with one row a class."""
    page = open_page().page
    table = page.get_by_role("region", name="Each class").get_by_role("table")
    expect(table.locator("tbody tr")).to_have_count(len(card["labels"]))  # what follows does not wait for the card
    heads = [name.replace("_", " ").capitalize() for name in card["labels"]]
    assert heads == table.get_by_role("rowheader").all_inner_texts()
    # Decimal, as the browser rounds the number that it has, not a hundred times it.
    recalls = [f"{100 * Decimal(card['per_class'][name]['recall']):.1f}%" for name in card["labels"]]
    place = table.get_by_role("columnheader").all_inner_texts().index("Recall") - 1
    assert recalls == [row.get_by_role("cell").all_inner_texts()[place] for row in table.locator("tbody tr").all()]


def test_whole_card_can_be_read_as_json(open_page, card):
    """The whole card unfolds as JSON."""
    page = open_page().page
    page.get_by_text("The whole card as JSON").click()
    assert card == json.loads(page.get_by_role("region", name="Card as JSON").inner_text())


def test_model_without_a_card(open_page):
    """A foreign model without a card shows what the server knows of it."""
    classifier = open_page(load=False)
    described = {"name": "pizza", "version": 3, "labels": ["a", "b"], "input": {"height": 9, "width": 8}, "card": {}}
    classifier.page.route("**/v1/models/pizza", lambda route: route.fulfill(json=described))
    page = classifier.open().page
    expect(page.locator("#card")).to_contain_text("This model brings no card")
    expect(page.locator("#card")).to_contain_text(f"8 {TIMES} 9")
