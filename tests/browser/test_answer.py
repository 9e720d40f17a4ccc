"""The answer: bars, the choice of model, waiting, cancelling."""

from itertools import pairwise
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import expect

from tools.models import versions

NEWEST = versions("pizza")[-1]  # what is served


def share(text):
    """Read a percentage of the page as a number in [0, 1]; its rounding bounds (<0.1%, >99.9%) as the bound."""
    return float(text.strip("<>%")) / 100


def test_bars_are_what_the_server_answered(open_page, pictures):
    """Every class has a bar with its percentage in text, the likeliest first, as wide as it is likely."""
    classifier = open_page()
    with classifier.page.expect_response("**/v1/models/pizza:predict") as response:
        classifier.choose(pictures / "drawn.png")
    answered = response.value.json()["predictions"][0]["probabilities"]
    bars = classifier.answer()
    ranking = sorted(answered, key=answered.get, reverse=True)
    assert ranking == [name.lower().replace(" ", "_") for name, _ in bars]
    assert all(abs(share(text) - answered[name]) < 0.0011 for name, (_, text) in zip(ranking, bars, strict=True))
    assert all(share(one) >= share(other) for (_, one), (_, other) in pairwise(bars))
    widths = classifier.page.eval_on_selector_all(
        "#bars .fill", "all => all.map((one) => parseFloat(one.style.inlineSize))"
    )
    assert all(abs(width / 100 - answered[name]) < 0.001 for name, width in zip(ranking, widths, strict=True))
    assert bars[0] == (
        classifier.page.locator("#verdict-label").inner_text(),
        classifier.page.locator("#verdict-share").inner_text(),
    )


def test_the_answer_names_model_and_version(open_page, pictures):
    """The answer says which model and version gave it."""
    classifier = open_page().choose(pictures / "drawn.png")
    classifier.answer()
    expect(classifier.page.locator("#provenance")).to_contain_text(f"Answered by pizza, version {NEWEST}, in ")


def test_the_answer_is_announced(open_page, pictures):
    """A screen reader hears the likeliest class and the next one from a live region."""
    classifier = open_page().choose(pictures / "drawn.png")
    (first, first_share), (second, second_share) = classifier.answer()
    region = classifier.page.locator("#announcement")
    assert "status" == region.get_attribute("role")
    assert f"{first}, {first_share}. Next: {second.lower()}, {second_share}." == region.inner_text()


def test_the_default_model_is_chosen(open_page):
    """The page starts with the server's default model and names its classes."""
    classifier = open_page()
    assert "pizza" == classifier.page.get_by_label("Model", exact=True).input_value()
    classes = classifier.page.get_by_role("list", name="Classes of this model").get_by_role("listitem")
    expect(classes).to_have_count(2)
    assert {"Pizza", "Not pizza"} == set(classes.all_inner_texts())


def test_another_model_answers_the_same_picture(open_page, pictures):
    """Choosing another model asks that model about the picture that is already there and shows its card."""
    classifier = open_page().choose(pictures / "drawn.png")
    bars = classifier.answer()
    with classifier.page.expect_response("**/v1/models/second:predict"):
        classifier.page.get_by_label("Model", exact=True).select_option("second")
    expect(classifier.page.locator("#provenance")).to_contain_text(f"Answered by second, version {NEWEST}, in ")
    assert bars == classifier.answer()
    expect(classifier.page.get_by_role("heading", name="Model card: Second")).to_be_visible()
    assert {"model": ["second"]} == parse_qs(urlsplit(classifier.page.url).query)


def test_link_to_a_model_chooses_it(open_page):
    """?model=second opens the page with that model."""
    assert "second" == open_page(query="?model=second").page.get_by_label("Model", exact=True).input_value()


def test_link_to_an_unknown_model_is_explained(open_page):
    """?model= of a model that is not served says so and chooses the default."""
    page = open_page(query="?model=nope").page
    expect(page.locator("#model-note")).to_contain_text("There is no model “nope” here; Pizza is chosen instead.")
    assert "pizza" == page.get_by_label("Model", exact=True).input_value()


def test_waiting_shows_and_can_be_cancelled(open_page, pictures):
    """While the server works the page says so; Cancel drops the request and leaves the picture to be tried again."""
    classifier = open_page()
    page = classifier.page
    page.route("**/*:predict", lambda _: None, times=1)
    classifier.choose(pictures / "drawn.png")
    expect(page.locator("#answer-busy")).to_contain_text("The model is looking at the picture…")
    expect(page.locator("#answer")).to_have_attribute("aria-busy", "true")
    with page.expect_event("requestfailed") as dropped:
        page.get_by_role("button", name="Cancel").click()
    assert dropped.value.url.endswith(":predict")
    expect(page.locator("#answer-paused")).to_contain_text("Cancelled. The picture is still here.")
    expect(page.locator("#answer")).to_have_attribute("aria-busy", "false")
    page.get_by_role("button", name="Try again").click()
    assert 2 == len(classifier.answer())


def test_a_newer_picture_overtakes_a_slow_answer(open_page, pictures):
    """The answer to an earlier picture is dropped when a newer picture was given meanwhile."""
    classifier = open_page()
    page = classifier.page
    page.route("**/*:predict", lambda _: None, times=1)
    classifier.choose(pictures / "drawn.png")
    expect(page.locator("#answer-busy")).to_be_visible()
    with page.expect_event("requestfailed"):
        classifier.choose(pictures / "drawn.jpg")
    assert 2 == len(classifier.answer())
    expect(page.locator("#caption")).to_contain_text("drawn.jpg")


def test_many_classes_are_folded_and_close_calls_said(open_page, pictures):
    """Of 25 classes ten show at once and the others unfold; nearly equal first and second get a word of doubt."""
    classifier = open_page()
    page = classifier.page
    probabilities = {f"class_{i}": value for i, value in enumerate([0.30, 0.28, *[0.42 / 23] * 23])}
    answer = {"predictions": [{"probabilities": probabilities}], "model": {"name": "pizza", "version": 1}}
    page.route("**/*:predict", lambda route: route.fulfill(json=answer))
    classifier.choose(pictures / "drawn.png")
    assert 10 == len(classifier.answer())
    expect(page.locator("#verdict-note")).to_contain_text("A close call: class 1")
    page.get_by_text("The other 15 classes").click()
    rest = page.get_by_role("list", name="Probability of the remaining classes").get_by_role("listitem")
    expect(rest).to_have_count(15)


def test_names_from_the_server_stay_text(open_page, pictures):
    """A class name that looks like markup is shown as text and runs nothing."""
    classifier = open_page()
    name = "<img src=x onerror=alert(1)>"
    answer = {"predictions": [{"probabilities": {name: 1.0}}], "model": {"name": name, "version": 1}}
    classifier.page.route("**/*:predict", lambda route: route.fulfill(json=answer))
    classifier.choose(pictures / "drawn.png")
    assert [(name, "100.0%")] == classifier.answer()
