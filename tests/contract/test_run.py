"""`make run` and `make predict` as a person uses them: real processes, real model, real signals."""

import base64
import http.server
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import pytest
from PIL import Image, ImageDraw

from tests.contract.running import ENVIRONMENT, ROOT, Running


def photograph(format_="JPEG"):
    image = Image.new("RGB", (320, 240), "#d8c8a8")
    draw = ImageDraw.Draw(image)
    draw.ellipse((60, 20, 260, 220), fill="#e0a040")
    for x, y in [(120, 80), (190, 90), (150, 160)]:
        draw.ellipse((x - 18, y - 18, x + 18, y + 18), fill="#b03020")
    data = io.BytesIO()
    image.save(data, format_)
    return data.getvalue()


@pytest.fixture(scope="module")
def running():
    started = Running()
    assert started.process.poll() is None, started.words
    yield started
    started.stop()


@pytest.fixture(scope="module")
def picture_host():
    """A web server on loopback that has one photograph."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "image/jpeg")
            self.end_headers()
            self.wfile.write(photograph())

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/photo.jpg"
    server.shutdown()


def multipart(data):
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
    return head + data + b"\r\n--x--\r\n"


def test_every_way_in_gives_the_same_answer(running, picture_host):
    """Multipart, raw body, base64 and link are the same picture, so they get the same probabilities."""
    data = photograph()
    raw = running.post(data, "image/jpeg")
    assert {"pizza", "not_pizza"} == set(raw)
    assert raw == running.post(multipart(data), "multipart/form-data; boundary=x")
    assert raw == running.post(json.dumps({"url": picture_host}).encode(), "application/json")
    instances = {"instances": [{"b64": base64.b64encode(data).decode()}, {"url": picture_host}]}
    answer = running.post(json.dumps(instances).encode(), "application/json", "/v1/models/pizza:predict")
    assert [raw, raw] == [one["probabilities"] for one in answer["predictions"]]


def test_predict_asks_the_running_gateway_or_the_model(running, picture_host, tmp_path):
    """`make predict` prints the same table by the gateway and straight from the model, for a file and a link."""
    file = tmp_path / "photo.jpg"
    file.write_bytes(photograph())

    def predict(image, *flags):
        command = [sys.executable, "-m", "tools.predict", str(image), *flags]
        done = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=False)
        assert 0 == done.returncode, done.stderr
        return done.stdout.splitlines()

    asked = predict(file, "--gateway", running.address)
    assert asked[0].endswith(f"by {running.address}")
    straight = predict(file)
    assert straight[0].endswith("straight from the model)")
    assert asked[1:] == straight[1:]
    assert straight == predict(picture_host)


def test_a_taken_port_is_named(running):
    """A second run on the same ports ends with one line that names the port and the way out."""
    port = running.ports[0]
    command = [sys.executable, "-m", "tools.run", f"--port={port}"]
    done = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=30)
    assert 1 == done.returncode
    assert [
        f"error: port {port} is taken by another program: stop it, or choose another: make run PORT={port + 1}"
    ] == (done.stderr.splitlines())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_stops_both_servers(number):
    """After Ctrl-C (or SIGTERM) the exit status is 0, no stack trace was printed and no port is held."""
    started = Running()
    assert 0 == started.stop(number), started.words
    assert "Traceback" not in started.words
    for port in started.ports:
        with socket.socket() as probe:
            assert 0 != probe.connect_ex(("127.0.0.1", port))


def test_a_server_that_dies_ends_the_run():
    """If the model server is killed, the run says so, stops the gateway and fails."""
    started = Running()
    children = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(started.process.pid)], capture_output=True, text=True, check=True
    )
    [server] = [line.split()[0] for line in children.stdout.splitlines() if "model_server.main" in line]
    os.kill(int(server), signal.SIGKILL)
    words = started.process.communicate(timeout=30)[0]
    assert 1 == started.process.returncode
    assert "the model server ended with status -9" in words
    time.sleep(0.1)
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"{started.address}/healthz", timeout=2)
