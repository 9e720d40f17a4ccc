"""The real stack (embedded model server and gateway), a real Chromium, and a page that keeps watch.

Every page fails its test at the end if the browser logged an error, the Content-Security-Policy was violated or a
request went to a host that the test did not name.
"""

import http.server
import os
import random
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Error, Page, expect, sync_playwright

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "apps/model-server/models/pizza"
CHROMIUMS = [  # the first that exists; tools/chromium looks for the same
    "chromium",
    "chromium-browser",
    "google-chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
]
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",  # tests also run as root in containers, where Chromium refuses its sandbox
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]
MAX_IMAGE_BYTES = 2**20
START_TIMEOUT_S = 60.0
TIMEOUT_MS = 20_000


@pytest.fixture(scope="session")
def gateway_address(tmp_path_factory):
    """Run the model server and the gateway; give the gateway's address. The model is there under two names."""
    if not any(MODEL.glob("*/model.tflite")):
        pytest.fail(f"{MODEL} holds no model: the browser tests need the bundled one")
    folder = tmp_path_factory.mktemp("stack")
    config = folder / "models.config"
    entries = "".join(
        f'config {{ name: "{name}" base_path: "{MODEL}" model_platform: "tensorflow" }}\n'
        for name in ("pizza", "second")
    )
    config.write_text(f"model_config_list {{\n{entries}}}\n")
    grpc_port, rest_port, gateway_port = free_ports(3)
    paths = [str(ROOT / "apps"), str(ROOT / "apps/model-server"), str(ROOT)]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GATEWAY_")}
    environment |= {
        "PYTHONPATH": os.pathsep.join(paths),
        "GATEWAY_MODEL_SERVER": f"localhost:{grpc_port}",
        "GATEWAY_MODELS": "pizza,second",
        "GATEWAY_ALLOW_LOOPBACK_URLS": "1",
        "GATEWAY_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(gateway_port),
        "GATEWAY_MAX_IMAGE_BYTES": str(MAX_IMAGE_BYTES),
    }
    server = [sys.executable, "-m", "model_server", f"--port={grpc_port}", f"--rest_api_port={rest_port}"]
    commands = {
        "model-server": [*server, f"--model_config_file={config}"],
        "gateway": [sys.executable, "-m", "gateway.cli", "serve"],
    }
    processes = []
    try:
        for name, command in commands.items():
            with (folder / f"{name}.log").open("wb") as log:
                processes.append(
                    subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
                )
        address = f"http://127.0.0.1:{gateway_port}"
        wait_until_ready(f"{address}/readyz", processes, folder)
        yield address
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(timeout=30)


def free_ports(count):
    """Give that many ports that nothing listens on."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


def wait_until_ready(address, processes, folder):
    """Return when the address answers 200; fail with the logs when a process ends or the time is over."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (urllib.error.URLError, OSError) as error:
            ended = [process.args for process in processes if process.poll() is not None]
            if ended or time.monotonic() > deadline:
                logs = "\n".join(f"--- {log.name}\n{log.read_text()[-3000:]}" for log in sorted(folder.glob("*.log")))
                pytest.fail(f"the stack is not ready: {error}; ended: {ended}\n{logs}", pytrace=False)
        time.sleep(0.1)


@pytest.fixture(scope="session")
def chromium():
    """Run the machine's Chromium; a machine without one fails, so that no run is green for want of a browser."""
    named = os.environ.get("CHROMIUM")
    found = next(filter(None, map(shutil.which, [named] if named else CHROMIUMS)), None)
    if found is None:
        pytest.fail(
            f"the browser tests need Chromium, and {named or 'none of its usual names'} is not there: "
            "install it (Debian: apt install chromium) or name it by CHROMIUM=/path",
            pytrace=False,
        )
    expect.set_options(timeout=TIMEOUT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


class ClassifierPage:
    """The web page as its users handle it, and a record of what must not happen on it.

    Attributes: page, the Playwright page; address of the gateway; allowed_hosts, host:port that requests may go to;
    offences, a list of sentences.
    """

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address
        self.allowed_hosts = {urlsplit(address).netloc}
        self.offences: list[str] = []
        self._requests: list[str] = []
        page.set_default_timeout(TIMEOUT_MS)
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.offences.append(f"uncaught: {error}"))
        page.on("filechooser", lambda _: None)  # from the start: switched on late, it misses a chooser opened by a key
        page.on("request", lambda request: self._requests.append(request.url))
        page.expose_function("reportViolation", lambda text: self.offences.append(f"violated: {text}"))
        page.add_init_script(
            "addEventListener('securitypolicyviolation', (event) =>"
            " reportViolation(`${event.violatedDirective} ${event.blockedURI}`))"
        )

    def _on_console(self, message):
        # Chromium logs every answer of 400 and above so; the page turns them into words, which the tests read.
        if message.type in ("error", "warning") and not message.text.startswith("Failed to load resource"):
            self.offences.append(f"console: {message.text}")

    def open(self, query=""):
        """Load the page and wait until it has asked for the models."""
        self.page.goto(f"{self.address}/{query}")
        expect(self.page.locator("#answer-busy")).to_be_hidden()
        return self

    def choose(self, path):
        """Choose a file the way people do: the button, then the browser's own dialog."""
        with self.page.expect_file_chooser() as chooser:
            self.page.get_by_role("button", name="Choose a picture").click()
        chooser.value.set_files(path)
        return self

    def give(self, kind, files=(), texts=None):
        """Drop or paste files, [(name, type, bytes)], and texts, {type: text}, onto the page."""
        self.page.evaluate(
            """([kind, files, texts]) => {
              const data = new DataTransfer();
              for (const [name, type, bytes] of files) {
                data.items.add(new File([new Uint8Array(bytes)], name, { type }));
              }
              for (const [type, text] of Object.entries(texts)) data.setData(type, text);
              const options = { bubbles: true, cancelable: true };
              if (kind === "paste") {
                document.body.dispatchEvent(new ClipboardEvent("paste", { ...options, clipboardData: data }));
                return;
              }
              const stage = document.getElementById("stage");
              for (const type of ["dragenter", "dragover", "drop"]) {
                stage.dispatchEvent(new DragEvent(type, { ...options, dataTransfer: data }));
              }
            }""",
            [kind, [(name, type_, list(data)) for name, type_, data in files], texts or {}],
        )
        return self

    def follow_link(self, url):
        """Type a link and press Enter."""
        self.page.get_by_label("Link to a picture").fill(url)
        self.page.keyboard.press("Enter")
        return self

    def answer(self):
        """Wait for the answer; give its bars as [(class, percentage)], from top to bottom."""
        expect(self.page.locator("#answer-result")).to_be_visible()
        rows = self.page.get_by_role("list", name="Probability of each class").get_by_role("listitem").all()
        return [(row.locator(".name").inner_text(), row.locator(".share").inner_text()) for row in rows]

    def error(self):
        """Wait for an error; give its text."""
        expect(self.page.locator("#answer-error")).to_be_visible()
        return self.page.locator("#error").inner_text()

    def check(self):
        """Fail if anything happened that never may."""
        hosts = {urlsplit(url).netloc for url in self._requests if urlsplit(url).scheme not in ("blob", "data")}
        foreign = [f"request to {host}" for host in sorted(hosts - self.allowed_hosts)]
        assert [] == self.offences + foreign


@pytest.fixture
def open_page(chromium, gateway_address):
    """Open pages with Playwright's context options (viewport, color_scheme, ...); each is checked at the end."""
    opened = []

    def open_one(*, load=True, query="", **options):
        context = chromium.new_context(**options)
        classifier = ClassifierPage(context.new_page(), gateway_address)
        opened.append((context, classifier))
        return classifier.open(query) if load else classifier

    yield open_one
    for context, _ in opened:
        try:
            context.close()
        except Error:  # the browser itself is gone; the checks below still tell what it saw
            continue
    for _, classifier in opened:
        classifier.check()


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    """Draw pictures: a folder with drawn.png, drawn.jpg, broken.jpg (cut short), notes.txt and large.png."""
    folder = tmp_path_factory.mktemp("pictures")
    image = Image.new("RGB", (320, 240), "#d8c7a0")
    draw = ImageDraw.Draw(image)
    draw.ellipse((60, 20, 260, 220), fill="#e0a33c", outline="#8a4b16", width=10)
    for x, y in ((110, 70), (180, 60), (140, 130), (200, 140), (120, 175)):
        draw.ellipse((x, y, x + 30, y + 30), fill="#b3261e")
    image.save(folder / "drawn.png")
    image.save(folder / "drawn.jpg")
    encoded = (folder / "drawn.jpg").read_bytes()
    (folder / "broken.jpg").write_bytes(encoded[:200])
    (folder / "notes.txt").write_text("These are words, not a picture.\n")
    noise = Image.frombytes("RGB", (800, 600), random.Random(7).randbytes(800 * 600 * 3))
    noise.save(folder / "large.png")
    assert (folder / "large.png").stat().st_size > MAX_IMAGE_BYTES
    return folder


@pytest.fixture
def picture_host(pictures):
    """Serve the pictures over HTTP on loopback; give the host's address."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=pictures)

        def log_message(self, *_):
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def png(pictures):
    """Give the drawn picture's bytes."""
    return (pictures / "drawn.png").read_bytes()
