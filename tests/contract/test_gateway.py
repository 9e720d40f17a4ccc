"""The gateway as people run it, in front of the real model server."""

import base64
import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.contract import small_model
from tests.contract.gateway_process import GatewayProcess
from tests.contract.server_process import REPOSITORY, ServerProcess, free_port

PICTURES = small_model.pictures(3, seed=5)
TOLERANCE = 0.01  # the skew gate's


@pytest.fixture(params=["litert", "saved_model"])
def gateway(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[GatewayProcess]:
    """Serve `small` of each engine's server in turn."""
    server: ServerProcess = request.getfixturevalue(f"{request.param}_server")
    process = GatewayProcess(
        tmp_path / "gateway.log",
        GATEWAY_MODEL_SERVER=f"localhost:{server.grpc_port}",
        GATEWAY_MODELS="small",
        GATEWAY_ALLOW_LOOPBACK_URLS="1",
    )
    yield process
    process.stop()


def png(pixels: np.ndarray) -> bytes:
    """Write uint8[H, W, 3] to a PNG."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


class PictureHost(BaseHTTPRequestHandler):
    """Gives the first picture at any address."""

    def do_GET(self):
        body = png(PICTURES[0])
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


def test_every_way_in_gives_the_models_own_probabilities(gateway):
    """Raw, form, base64 and URL, by newest version, number and label: all give what plain NumPy computes."""
    expected = {version: small_model.expected(PICTURES, version) for version in (1, 2)}
    b64 = [{"b64": base64.b64encode(png(pixels)).decode()} for pixels in PICTURES]
    body = json.dumps({"instances": b64}).encode()
    for address, version in (("", 2), ("/versions/1", 1), ("/labels/stable", 1), ("/labels/canary", 2)):
        status, answer = gateway.call(f"/v1/models/small{address}:predict", body)
        assert (200, {"name": "small", "version": version}) == (status, answer["model"])
        got = [list(prediction["probabilities"].values()) for prediction in answer["predictions"]]
        np.testing.assert_allclose(got, expected[version], atol=TOLERANCE)
        assert small_model.LABELS == list(answer["predictions"][0]["probabilities"])
    form = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
        + png(PICTURES[0])
        + b"\r\n--x--"
    )
    singles = [(png(PICTURES[0]), "image/png"), (form, "multipart/form-data; boundary=x")]
    with ThreadingHTTPServer(("127.0.0.1", 0), PictureHost) as host:
        threading.Thread(target=host.serve_forever, daemon=True).start()
        url = json.dumps({"url": f"http://127.0.0.1:{host.server_port}/a.png"}).encode()
        for data, kind in [*singles, (url, "application/json")]:
            status, answer = gateway.call("/predict", data, kind)
            assert 200 == status
            np.testing.assert_allclose(list(answer.values()), expected[2][0], atol=TOLERANCE)
        host.shutdown()


def test_tensors_give_the_models_own_probabilities(gateway):
    """The Open Inference Protocol, by newest version and number, gives what plain NumPy computes."""
    assert {"ready": True} == gateway.call("/v2/health/ready")[1]
    for address, version in (("", 2), ("/versions/1", 1)):
        told = gateway.call(f"/v2/models/small{address}")[1]
        assert ([-1, 8, 8, 3], ["2", "1"]) == (told["inputs"][0]["shape"], told["versions"])
        tensor = {"name": "image", "datatype": "UINT8", "shape": list(PICTURES.shape), "data": PICTURES.tolist()}
        body = json.dumps({"inputs": [tensor]}).encode()
        status, answer = gateway.call(f"/v2/models/small{address}/infer", body)
        assert (200, str(version)) == (status, answer["model_version"])
        expected = small_model.expected(PICTURES, version)
        np.testing.assert_allclose(np.reshape(answer["outputs"][0]["data"], (3, 3)), expected, atol=TOLERANCE)
        assert [small_model.LABELS[best] for best in expected.argmax(axis=1)] == answer["outputs"][1]["data"]


def test_models_and_problems(gateway):
    """What the server tells about its models comes out, and so does what it does not have."""
    assert 200 == gateway.call("/readyz")[0]
    status, shown = gateway.call("/v1/models/small")
    assert (200, "AVAILABLE", 2, small_model.LABELS) == (status, shown["state"], shown["version"], shown["labels"])
    assert ({"height": 8, "width": 8}, "small") == (shown["input"], shown["card"]["name"])
    assert [(2, "AVAILABLE"), (1, "AVAILABLE")] == [(one["version"], one["state"]) for one in shown["versions"]]
    for address in ("/versions/7", "/labels/nobody"):
        status, problem = gateway.call(f"/v1/models/small{address}:predict", png(PICTURES[0]), "image/png")
        assert (404, "urn:image-classifiers:problem:unknown-model") == (status, problem["type"])


def test_starts_and_stays_without_a_model_server(tmp_path):
    """The gateway starts while the model server is down, says 503 and why, and stops cleanly on SIGTERM."""
    process = GatewayProcess(tmp_path / "gateway.log", GATEWAY_MODEL_SERVER=f"localhost:{free_port()}")
    assert 503 == process.call("/readyz")[0]
    status, problem = process.call("/predict", png(PICTURES[0]), "image/png")
    assert (503, "urn:image-classifiers:problem:model-unavailable") == (status, problem["type"])
    assert 200 == process.call("/healthz")[0]
    assert "tensorflow" not in Path(f"/proc/{process.process.pid}/maps").read_text()
    assert 0 == process.stop()


def test_a_foreign_model(saved_model_server, tmp_path):
    """A settings entry serves a SavedModel by its tensors' names, here `small` as if it were somebody else's."""
    entry = tmp_path / "foreign.toml"
    entry.write_text('[small]\nlabels = ["x", "y", "z"]\ninput = "image"\noutput = "probabilities"\n')
    process = GatewayProcess(
        tmp_path / "gateway.log",
        GATEWAY_MODEL_SERVER=f"localhost:{saved_model_server.grpc_port}",
        GATEWAY_MODELS="small",
        GATEWAY_FOREIGN_MODELS=str(entry),
    )
    status, answer = process.call("/predict", png(PICTURES[0]), "image/png")
    process.stop()
    assert (200, ["x", "y", "z"]) == (status, list(answer))
    np.testing.assert_allclose(list(answer.values()), small_model.expected(PICTURES, 2)[0], atol=TOLERANCE)


def test_large_upload_hears_its_refusal(tmp_path):
    """A client that sends far too much gets the problem, not a reset connection."""
    process = GatewayProcess(tmp_path / "gateway.log", GATEWAY_MODEL_SERVER=f"localhost:{free_port()}")
    status, problem = process.call("/predict", b"\0" * 30_000_000, "image/jpeg")
    process.stop()
    assert (413, "urn:image-classifiers:problem:too-large") == (status, problem["type"])


def test_a_taken_port_is_one_line(tmp_path):
    """Where the port is taken, the command ends at once with one line that names the setting."""
    process = GatewayProcess(tmp_path / "gateway.log", GATEWAY_MODEL_SERVER=f"localhost:{free_port()}")
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "apps"), "GATEWAY_PORT": str(process.port)}
    command = [sys.executable, "-m", "gateway.cli", "serve"]
    second = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
    process.stop()
    assert 1 == second.returncode
    assert [True] == [line.startswith(f"error: GATEWAY_PORT={process.port}") for line in second.stderr.splitlines()]
