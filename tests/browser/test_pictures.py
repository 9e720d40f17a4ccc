"""Every way in for a picture ends in an answer, and what is no picture is refused in words."""

from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import expect

TIMES = "\N{MULTIPLICATION SIGN}"
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True, "device_scale_factor": 2}


def test_chosen_file_is_shown_and_classified(open_page, pictures):
    """A chosen file is previewed with its name, size in pixels and size in bytes, and classified."""
    classifier = open_page().choose(pictures / "drawn.png")
    assert {"Pizza", "Not pizza"} == {name for name, _ in classifier.answer()}
    expect(classifier.page.get_by_role("img", name="Your picture: drawn.png")).to_be_visible()
    expect(classifier.page.locator("#caption")).to_contain_text(f"drawn.png · 320 {TIMES} 240 · ")


def test_the_same_file_can_be_chosen_twice(open_page, pictures):
    """Choosing the same file again asks again."""
    classifier = open_page().choose(pictures / "drawn.png")
    classifier.answer()
    with classifier.page.expect_request("**/*:predict"):
        classifier.choose(pictures / "drawn.png")


def test_click_on_the_stage_opens_the_chooser(open_page, pictures):
    """The whole stage opens the file dialog, not only the button."""
    classifier = open_page()
    with classifier.page.expect_file_chooser() as chooser:
        classifier.page.locator("#stage").click()
    chooser.value.set_files(pictures / "drawn.jpg")
    assert 2 == len(classifier.answer())


def test_dropped_file_is_classified(open_page, png):
    """A file dropped on the page is classified, and the stage is no drop target any more."""
    classifier = open_page().give("drop", [("dropped.png", "image/png", png)])
    assert 2 == len(classifier.answer())
    expect(classifier.page.locator("#caption")).to_contain_text("dropped.png")
    expect(classifier.page.locator("#stage.target")).to_have_count(0)


def test_the_picture_among_dropped_files_is_taken(open_page, png):
    """Of several files the first picture counts, whatever lies before it."""
    files = [("notes.txt", "text/plain", b"words"), ("second.png", "image/png", png)]
    classifier = open_page().give("drop", files)
    assert 2 == len(classifier.answer())
    expect(classifier.page.locator("#caption")).to_contain_text("second.png")


def test_dropped_link_is_classified(open_page, picture_host):
    """A picture dragged from another page comes as a link."""
    classifier = open_page()
    classifier.allowed_hosts.add(urlsplit(picture_host).netloc)
    classifier.give("drop", texts={"text/uri-list": f"# a comment\r\n{picture_host}/drawn.jpg\r\n"})
    assert 2 == len(classifier.answer())


def test_drop_without_a_picture_is_refused(open_page):
    """Dropped text is answered with a sentence, and the server isn't asked."""
    classifier = open_page().give("drop", texts={"text/plain": "just words"})
    assert "That is not a picture" in classifier.error()


def test_pasted_picture_is_classified(open_page, gateway_address, png):
    """A picture on the clipboard is classified on Ctrl+V."""
    classifier = open_page()
    classifier.page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=gateway_address)
    classifier.page.evaluate(
        """async (bytes) => {
          const picture = new Blob([new Uint8Array(bytes)], { type: "image/png" });
          await navigator.clipboard.write([new ClipboardItem({ "image/png": picture })]);
        }""",
        list(png),
    )
    classifier.page.keyboard.press("Control+V")
    assert 2 == len(classifier.answer())


def test_pasted_link_is_classified(open_page, picture_host):
    """A link pasted anywhere on the page is classified without a further key."""
    classifier = open_page()
    classifier.allowed_hosts.add(urlsplit(picture_host).netloc)
    classifier.give("paste", texts={"text/plain": f" {picture_host}/drawn.png "})
    assert 2 == len(classifier.answer())


def test_typed_link_is_classified_and_shareable(open_page, picture_host):
    """A typed link is classified and previewed, and the address bar then leads to the same answer."""
    url = f"{picture_host}/drawn.png"
    classifier = open_page()
    classifier.allowed_hosts.add(urlsplit(picture_host).netloc)
    bars = classifier.follow_link(url).answer()
    expect(classifier.page.locator("#caption")).to_contain_text(f"drawn.png · 320 {TIMES} 240")
    query = urlsplit(classifier.page.url).query
    assert {"model": ["pizza"], "url": [url]} == parse_qs(query)

    again = open_page(load=False)
    again.allowed_hosts.add(urlsplit(picture_host).netloc)
    assert bars == again.open(f"?{query}").answer()


def test_link_that_is_no_address_is_refused_at_the_field(open_page):
    """A link without http(s) is refused beside the field, which takes the focus; the server isn't asked."""
    classifier = open_page()
    for text in ("", "pizza.jpg", "javascript:alert(1)", "file:///etc/passwd"):
        classifier.follow_link(text) if text else classifier.page.get_by_role("button", name="Classify link").click()
        expect(classifier.page.locator("#link-problem")).to_contain_text("starts with http:// or https://")
        expect(classifier.page.get_by_label("Link to a picture")).to_be_focused()
        expect(classifier.page.get_by_label("Link to a picture")).to_have_attribute("aria-invalid", "true")


def test_photo_from_a_computers_camera_is_classified(open_page):
    """On a computer the page shows the camera itself and takes the view of the moment; then the camera is off."""
    classifier = open_page()
    page = classifier.page
    page.get_by_role("button", name="Take a photo").click()
    dialog = page.get_by_role("dialog", name="Take a photo")
    dialog.get_by_role("button", name="Use this view").click()
    assert 2 == len(classifier.answer())
    expect(page.locator("#caption")).to_contain_text("photo.jpg")
    expect(dialog).to_be_hidden()
    assert page.evaluate("document.getElementById('viewfinder').srcObject === null")


def test_camera_dialog_closes_on_escape(open_page):
    """Escape closes the camera and gives the focus back to the button that opened it."""
    page = open_page().page
    page.get_by_role("button", name="Take a photo").click()
    expect(page.get_by_role("button", name="Use this view")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Take a photo")).to_be_focused()


def test_refused_camera_is_explained(open_page):
    """A camera that the browser does not give is explained in the dialog, which still closes."""
    classifier = open_page(load=False)
    classifier.page.add_init_script(
        "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', 'NotAllowedError'))"
    )
    page = classifier.open().page
    page.get_by_role("button", name="Take a photo").click()
    expect(page.locator("#camera-problem")).to_contain_text("does not let this page use the camera")
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_photo_from_a_phone_comes_from_its_camera_app(open_page, pictures):
    """On a phone the button opens the phone's own camera, by the capture attribute."""
    classifier = open_page(**PHONE)
    with classifier.page.expect_file_chooser() as chooser:
        classifier.page.get_by_role("button", name="Take a photo").tap()
    assert "environment" == chooser.value.element.get_attribute("capture")
    chooser.value.set_files(pictures / "drawn.jpg")
    assert 2 == len(classifier.answer())


def test_picture_that_the_browser_cannot_show_is_said_to_be_so(open_page, pictures):
    """A file that the browser can't draw leaves a sentence on the stage, not a broken image."""
    page = open_page().choose(pictures / "notes.txt").page
    expect(page.locator("#no-preview")).to_be_visible()
    expect(page.locator("#preview")).to_be_hidden()
