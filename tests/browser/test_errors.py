"""What goes wrong is said in words, and there is a way on."""

from urllib.parse import urlsplit

from playwright.sync_api import expect

PROBLEM = "application/problem+json"


def test_file_that_is_no_picture(open_page, pictures):
    """A text file is refused with the server's own sentence, status and request id."""
    classifier = open_page()
    with classifier.page.expect_response("**/*:predict") as response:
        classifier.choose(pictures / "notes.txt")
    problem = response.value.json()
    text = classifier.error()
    assert 415 == response.value.status
    assert problem["title"] in text
    assert problem["detail"] in text
    assert "Status 415 · Request " in text


def test_damaged_picture(open_page, pictures):
    """A picture cut short is explained as one that cannot be decoded."""
    text = open_page().choose(pictures / "broken.jpg").error()
    assert "Status 422" in text


def test_too_large_picture(open_page, pictures):
    """A picture over the server's limit is explained as too large."""
    text = open_page().choose(pictures / "large.png").error()
    assert "Status 413" in text


def test_upload_over_the_body_limit(open_page, tmp_path):
    """An upload that the gateway refuses half-way is explained as too large, however the browser learns of it."""
    (tmp_path / "huge.jpg").write_bytes(bytes(40_000_000))
    text = open_page().choose(tmp_path / "huge.jpg").error()
    assert "Status 413" in text or "The picture is large: a smaller one may go through." in text


def test_link_that_leads_nowhere(open_page, picture_host):
    """A link that its host does not know is explained as the picture's host failing."""
    classifier = open_page()
    classifier.allowed_hosts.add(urlsplit(picture_host).netloc)
    assert "Status 502" in classifier.follow_link(f"{picture_host}/gone.jpg").error()


def test_link_that_the_server_refuses(open_page):
    """A link to a host or port that the gateway does not connect to is refused with its reason."""
    classifier = open_page()
    classifier.allowed_hosts.add("example.org:25")
    text = classifier.follow_link("http://example.org:25/pizza.jpg").error()
    assert "Status 400" in text
    assert "not on the public internet" in text


def test_a_good_picture_follows_an_error(open_page, pictures):
    """After an error the next picture is answered, and the error is gone."""
    classifier = open_page().choose(pictures / "notes.txt")
    classifier.error()
    assert 2 == len(classifier.choose(pictures / "drawn.png").answer())
    expect(classifier.page.locator("#error")).to_be_empty()


def staged(status, title, headers=None):
    """Answer as the gateway would in a state that a healthy stack cannot be brought into."""
    problem = {"type": "about:blank", "title": title, "status": status, "detail": "Staged.", "request_id": "r-7"}
    return lambda route: route.fulfill(
        status=status, json=problem, headers={"Content-Type": PROBLEM, **(headers or {})}
    )


def test_busy_server(open_page, pictures):
    """429 shows how long the server asks to wait; Try again then gets the answer."""
    classifier = open_page()
    classifier.page.route("**/*:predict", staged(429, "Over capacity", {"Retry-After": "3"}), times=1)
    text = classifier.choose(pictures / "drawn.png").error()
    assert "Over capacity" in text
    assert "The server asks to wait 3 s before trying again." in text
    assert "Status 429 · Request r-7" in text
    classifier.page.get_by_role("button", name="Try again").click()
    assert 2 == len(classifier.answer())


def test_model_that_is_away(open_page, pictures):
    """503 is shown with its detail."""
    classifier = open_page()
    classifier.page.route("**/*:predict", staged(503, "Model not there"), times=1)
    text = classifier.choose(pictures / "drawn.png").error()
    assert "Model not there" in text
    assert "Staged." in text


def test_error_of_an_instance(open_page, pictures):
    """An error in the place of a prediction is an error, not an answer."""
    classifier = open_page()
    answer = {"predictions": [{"error": {"title": "Undecodable", "status": 422, "detail": "Cut short."}}]}
    classifier.page.route("**/*:predict", lambda route: route.fulfill(json=answer), times=1)
    text = classifier.choose(pictures / "drawn.png").error()
    assert "Undecodable" in text
    assert "Status 422" in text


def test_answer_of_something_else_on_the_way(open_page, pictures):
    """An ingress's HTML error page still gives a sentence and the status."""
    classifier = open_page()
    page = "<html><h1>504 Gateway Time-out</h1></html>"
    classifier.page.route("**/*:predict", lambda route: route.fulfill(status=504, body=page, content_type="text/html"))
    text = classifier.choose(pictures / "drawn.png").error()
    assert "The server took too long" in text
    assert "Status 504" in text


def test_unreadable_answer(open_page, pictures):
    """A 200 that holds no prediction is called unreadable."""
    classifier = open_page()
    classifier.page.route("**/*:predict", lambda route: route.fulfill(json={"pizza": 1}))
    assert "The server's answer cannot be read" in classifier.choose(pictures / "drawn.png").error()


def test_lost_connection(open_page, pictures):
    """A broken connection is explained, the picture kept, and Try again works when the network is back."""
    classifier = open_page()
    classifier.page.context.set_offline(True)
    text = classifier.choose(pictures / "drawn.png").error()
    assert "The server cannot be reached" in text
    classifier.page.context.set_offline(False)
    classifier.page.get_by_role("button", name="Try again").click()
    assert 2 == len(classifier.answer())


def test_server_that_lists_no_models_yet(open_page, pictures):
    """A page opened too early keeps the picture given to it and classifies it once the models are there."""
    classifier = open_page(load=False)
    page = classifier.page
    page.route("**/v1/models", staged(503, "Model server away"))
    classifier.open()
    assert "Model server away" in classifier.error()
    classifier.choose(pictures / "drawn.png")
    assert "Model server away" in classifier.error()
    page.unroute("**/v1/models")
    page.get_by_role("button", name="Try again").click()
    assert 2 == len(classifier.answer())
    expect(page.get_by_role("heading", name="Model card: Pizza")).to_be_visible()


def test_empty_list_of_models(open_page):
    """A server without models is explained; Try again loads them when they have come."""
    classifier = open_page(load=False)
    page = classifier.page
    page.route("**/v1/models", lambda route: route.fulfill(json={"default": "pizza", "models": []}), times=1)
    classifier.open()
    assert "This server serves no model" in classifier.error()
    expect(page.get_by_label("Model", exact=True)).to_be_disabled()
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_label("Model", exact=True)).to_be_enabled()


def test_model_that_is_still_loading(open_page, pictures):
    """A model that can't answer yet says so; Try again gets the answer once it can."""
    classifier = open_page(load=False)
    page = classifier.page
    loading = {"name": "pizza", "state": "LOADING", "version": None, "labels": [], "input": None, "task": ""}
    page.route("**/v1/models", lambda route: route.fulfill(json={"default": "pizza", "models": [loading]}))
    page.route("**/v1/models/pizza", lambda route: route.fulfill(json={**loading, "versions": [], "card": None}))
    classifier.open()
    expect(page.get_by_label("Model", exact=True).locator("option")).to_have_text("Pizza (loading)")
    expect(page.locator("#card")).to_contain_text("The model brings its card with it once it is available.")
    assert "The model pizza cannot answer now" in classifier.choose(pictures / "drawn.png").error()
    page.unroute("**/v1/models")
    page.unroute("**/v1/models/pizza")
    page.get_by_role("button", name="Try again").click()
    assert 2 == len(classifier.answer())
    expect(page.get_by_label("Model", exact=True).locator("option:checked")).to_have_text("Pizza")


def test_card_that_does_not_load(open_page, pictures):
    """A card that fails leaves classification alone and offers to load it again."""
    classifier = open_page(load=False)
    page = classifier.page
    page.route("**/v1/models/pizza", staged(503, "Model server away"), times=1)
    classifier.open()
    expect(page.locator("#card")).to_contain_text("Model server away")
    assert 2 == len(classifier.choose(pictures / "drawn.png").answer())
    page.get_by_role("button", name="Load the card again").click()
    expect(page.get_by_role("heading", name="Model card: Pizza")).to_be_visible()
