"""The client and real servers: each protocol gives the goldens' answers, and a batch that is killed loses nothing."""

import csv
import hashlib
import http.server
import io
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from gateway.client import Mismatch, Patience, Picture, PictureRefused, Refused, Unavailable, UsageError, connect
from gateway.goldens import read_golden
from gateway.keys import make_key
from tests.contract.gateway_process import GatewayProcess
from tests.contract.server_process import REPOSITORY, ServerProcess, free_port
from tests.contract.test_gateway import PictureHost
from tools.models import MODELS, versions

MODEL = "fashion-mnist"  # the smallest input
GOLDEN = read_golden(MODELS / MODEL / str(versions(MODEL)[-1]))
CONFIG = """
model_config_list {{
  config {{
    name: "{name}" base_path: "{base}" model_platform: "tensorflow"
    model_version_policy {{ all {{}} }} version_labels {{ key: "stable" value: {version} }}
  }}
}}
"""
WAYS = {
    "gateway": "gateway",
    "serving-rest": "serving-rest",
    "serving-grpc": "serving-grpc",
    "kserve-v1, tensors": "kserve-v1",
    "kserve-v1, pictures": "kserve-v1",
    "kserve-v2": "kserve-v2",
}


class Stack:
    """A model server and a gateway in front of it; `addresses` by way."""

    def __init__(self, work_dir):
        self.config = work_dir / "models.config"
        self.config.write_text(CONFIG.format(name=MODEL, base=MODELS / MODEL, version=GOLDEN.version))
        flags = [f"--model_config_file={self.config}", "--allow_version_labels_for_unavailable_models"]
        self.server = ServerProcess(work_dir, flags, "litert")
        self.gateway = GatewayProcess(
            work_dir / "gateway.log",
            GATEWAY_MODEL_SERVER=f"127.0.0.1:{self.server.grpc_port}",
            GATEWAY_MODELS=MODEL,
            GATEWAY_ALLOW_LOOPBACK_URLS="1",
        )
        gateway, rest = f"http://127.0.0.1:{self.gateway.port}", f"http://127.0.0.1:{self.server.rest_port}"
        self.addresses = {
            "gateway": gateway,
            "serving-rest": rest,
            "serving-grpc": f"127.0.0.1:{self.server.grpc_port}",
            "kserve-v1, tensors": rest,
            "kserve-v1, pictures": gateway,
            "kserve-v2": gateway,
        }

    def stop(self):
        self.gateway.stop()
        self.server.stop()


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    running = Stack(tmp_path_factory.mktemp("client"))
    yield running
    running.stop()


@pytest.fixture(params=WAYS)
def way(request):
    return request.param


@pytest.fixture
def client(stack, way):
    with connect(stack.addresses[way], WAYS[way]) as client:
        yield client


def command(*arguments, **environment):
    """Start the command line; environment variables by name."""
    return subprocess.Popen(
        [sys.executable, "-m", "gateway.client", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "apps"), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def call(*arguments, **environment):
    """Run it to its end. Returns: exit status, stdout, stderr."""
    process = command(*arguments, **environment)
    said, complaints = process.communicate(timeout=120)
    assert "Traceback" not in complaints, complaints
    return process.returncode, said, complaints


def test_goldens_come_out_by_every_way(client):
    """The probabilities are those that training computed, by version, by default and with the golden's labels."""
    for picture, expected in zip(GOLDEN.pictures, GOLDEN.probabilities, strict=True):
        found = client.classify(picture, MODEL)
        assert (MODEL, GOLDEN.version, GOLDEN.labels) == (found.model, found.version, tuple(found.probabilities))
        assert list(expected) == pytest.approx(list(found.probabilities.values()), abs=GOLDEN.tolerance)
    assert found == client.classify(picture, MODEL, version=GOLDEN.version)


def test_a_model_is_described(client):
    """Labels, size and version are what the model says of itself."""
    described = client.describe(MODEL)
    assert (GOLDEN.version, "AVAILABLE", GOLDEN.labels) == (described.version, described.state, described.labels)
    assert (28, 28) == (described.height, described.width)


def test_a_label_leads_to_its_version(client, way):
    """A label is followed, where the protocol has labels."""
    if way == "kserve-v2":
        with pytest.raises(UsageError):
            client.classify(GOLDEN.pictures[0], MODEL, label="stable")
    else:
        assert GOLDEN.version == client.classify(GOLDEN.pictures[0], MODEL, label="stable").version


@pytest.mark.parametrize(("data", "status"), [(b"text", 415), (GOLDEN.pictures[0][:200], 422), (b"", 415)])
def test_what_is_no_picture_is_refused(client, data, status):
    """Whoever decodes, a picture that is none is refused as the gateway would."""
    with pytest.raises(PictureRefused) as refused:
        client.classify(data, MODEL)
    assert status == refused.value.status


def test_a_model_or_version_that_is_not_there_is_refused(client):
    """It is a 404 by every way."""
    for model, version in (("absent", None), (MODEL, 99)):
        with pytest.raises(Refused) as refused:
            client.classify(GOLDEN.pictures[0], model, version=version)
        assert 404 == refused.value.status


def test_a_link_is_fetched(client, picture_host):
    """By a gateway itself, by the client where the server takes tensors."""
    assert GOLDEN.version == client.classify(Picture(url=picture_host), MODEL).version


@pytest.fixture(scope="module")
def picture_host():
    """A web server on loopback that has a picture at every address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), PictureHost)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/photo.png"
    server.shutdown()


@pytest.mark.parametrize("protocol", sorted(set(WAYS.values())))
def test_nobody_there_is_unavailable(protocol):
    """Where nobody listens, the error says so after the tries, for every protocol."""
    patience = Patience(timeout_s=10, tries=2)
    with connect(f"127.0.0.1:{free_port()}", protocol, patience=patience) as client, pytest.raises(Unavailable):
        client.classify(GOLDEN.pictures[0], MODEL)


def test_another_protocol_than_is_spoken_is_told(stack):
    """A gateway that is asked as TensorFlow Serving, and the other way round, is an error of one line."""
    for way, protocol in (("gateway", "serving-rest"), ("serving-rest", "gateway"), ("serving-rest", "kserve-v2")):
        with connect(stack.addresses[way], protocol) as client, pytest.raises((Refused, Mismatch)):
            client.classify(GOLDEN.pictures[0], MODEL)


def test_verify_is_green_and_can_be_red(stack, way, tmp_path):
    """`verify` holds a server to the goldens by every protocol, and says what is off."""
    options = ["--protocol", WAYS[way], "--server", stack.addresses[way], "--timeout-s=60"]
    status, said, _ = call("verify", MODEL, *options, "--goldens", MODELS)
    assert (0, True) == (status, "are green, twice in a row" in said), said
    wrong = tmp_path / MODEL / str(GOLDEN.version)
    wrong.mkdir(parents=True)
    folder = MODELS / MODEL / str(GOLDEN.version)
    record = json.loads((folder / "golden.json").read_text())
    record["pictures"] = record["pictures"][:1]
    record["pictures"][0]["probabilities"] = [0.1] * len(GOLDEN.labels)
    (wrong / "golden.json").write_text(json.dumps(record))
    picture = wrong / record["pictures"][0]["file"]
    picture.parent.mkdir(exist_ok=True)
    picture.write_bytes((folder / record["pictures"][0]["file"]).read_bytes())
    status, said, _ = call("verify", *options, "--timeout-s=3", "--goldens", tmp_path)
    assert (1, True) == (status, "off on a golden" in said), said


def test_predict_and_models_print(stack, tmp_path):
    """A table for people, JSON for programs; a picture that is refused does not hold up the others."""
    good, bad = tmp_path / "good.png", tmp_path / "bad.png"
    good.write_bytes(GOLDEN.pictures[0])
    bad.write_bytes(b"text")
    server = ["--server", stack.addresses["gateway"]]
    status, said, complaints = call("predict", bad, good, *server)
    assert (1, f"{good}: {MODEL} version {GOLDEN.version}") == (status, said.splitlines()[0])
    assert complaints.startswith(f"error: {bad}: This is not a JPEG")
    status, said, _ = call("predict", good, "--json", *server)
    told = json.loads(said)
    assert (0, set(GOLDEN.labels)) == (status, set(told["probabilities"]))
    status, said, _ = call("models", *server)
    assert (0, True) == (status, f"{MODEL}  {GOLDEN.version}        AVAILABLE  28 x 28  {GOLDEN.labels[0]}" in said), (
        said
    )
    status, said, _ = call(
        "models", MODEL, "--json", "--protocol=serving-rest", "--server", stack.addresses["serving-rest"]
    )
    assert (0, list(GOLDEN.labels)) == (status, json.loads(said)["labels"])


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["predict", "no-such.jpg"], 2),
        (["predict", "--protocol=serving-grpc", "a.jpg"], 2),
        (["models", "--protocol=serving-rest"], 2),
        (["models", "--key-file=no-such"], 2),
        (["models", "absent"], 3),
    ],
    ids=str,
)
def test_exit_statuses_are_as_documented(stack, arguments, status):
    """What cannot be used is 2, what is refused is 3, each with one line."""
    ended, _, complaints = call(*arguments, "--server", stack.addresses["gateway"].removeprefix("http://"))
    assert (status, 1) == (ended, complaints.count("\n")), complaints
    assert complaints.startswith("error: ")


def test_a_server_that_is_not_there_is_status_4():
    """So that a script can tell it from a picture's fault."""
    assert 4 == call("models", f"--server=127.0.0.1:{free_port()}", "--tries=2")[0]


def test_keys_come_from_files_and_the_environment(stack, tmp_path):
    """A gateway that asks for keys is asked with one, and no message holds it."""
    key, line = make_key("shop")
    keys, key_file = tmp_path / "keys", tmp_path / "key"
    keys.write_text(line)
    key_file.write_text(f"{key}\n")
    gateway = GatewayProcess(
        tmp_path / "gateway.log",
        GATEWAY_MODEL_SERVER=f"127.0.0.1:{stack.server.grpc_port}",
        GATEWAY_MODELS=MODEL,
        GATEWAY_API_KEYS_FILE=str(keys),
    )
    try:
        server = f"--server=127.0.0.1:{gateway.port}"
        status, _, complaints = call("models", server)
        assert (3, True) == (status, "--key-file" in complaints)
        assert 0 == call("models", server, "--key-file", key_file)[0]
        assert 0 == call("models", server, CLIENT_API_KEY_FILE=str(key_file))[0]
        assert 0 == call("models", server, CLIENT_API_KEY=key)[0]
        options = [server, "--goldens", MODELS, "--key-file", key_file, "--timeout-s=60"]
        assert 0 == call("verify", MODEL, *options)[0]
        status, _, complaints = call("models", server, CLIENT_API_KEY=f"{key} {key}")
        assert (2, False) == (status, key in complaints)
    finally:
        gateway.stop()


def drawn(folder, count):
    """Draw pictures, no two alike. Returns: SHA-256 by name."""
    rng, hashes = np.random.default_rng(0), {}
    for number in range(count):
        place = folder / f"{number % 10}"
        place.mkdir(parents=True, exist_ok=True)
        buffer = io.BytesIO()
        Image.fromarray(rng.integers(0, 256, (28, 28), np.uint8)).save(buffer, "PNG")
        (place / f"{number}.png").write_bytes(buffer.getvalue())
        hashes[f"{number % 10}/{number}.png"] = hashlib.sha256(buffer.getvalue()).hexdigest()
    return hashes


def rows_of(table):
    """Read a table as another program does."""
    text = table.read_text()
    if table.suffix == ".jsonl":
        return [json.loads(line) for line in text.splitlines()]
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_batch_that_is_killed_again_and_again_loses_and_doubles_nothing(stack, tmp_path, form, figures):
    """1,000 pictures; SIGKILL wherever it happens to be, now and then half a row; the same command until it ends."""
    count = 1000
    hashes, table, luck = drawn(tmp_path / "pictures", count), tmp_path / f"table.{form}", random.Random(form)
    arguments = ["batch", tmp_path / "pictures", "--out", table, "--server", stack.addresses["gateway"]]
    kills = torn = 0
    began_s = time.monotonic()
    while True:
        process = command(*arguments)
        goal = table.stat().st_size + luck.randrange(100, 50_000) if table.exists() else 1
        while process.poll() is None and not (table.exists() and table.stat().st_size >= goal):
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        _, complaints = process.communicate()
        if process.returncode != -signal.SIGKILL:
            break
        kills += 1
        if luck.random() < 0.5 and (cut := luck.randrange(0, 300)) < table.stat().st_size:
            torn += 1
            os.truncate(table, table.stat().st_size - cut)  # a machine that lost power may forget as much
        assert time.monotonic() - began_s < 240
    assert 0 == process.returncode, complaints
    rows = rows_of(table)
    assert hashes == {row["file"]: row["sha256"] for row in rows}
    assert {1} == set(Counter(row["file"] for row in rows).values())
    assert {(MODEL, str(GOLDEN.version), "")} == {(row["model"], str(row["version"]), row["error"]) for row in rows}
    with connect(stack.addresses["gateway"]) as client:
        for row in luck.sample(rows, 20):
            found = client.classify((tmp_path / "pictures" / row["file"]).read_bytes(), MODEL)
            assert (found.label, found.probability) == (
                row["label"],
                pytest.approx(float(row["probability"]), abs=1e-4),
            )
    assert kills >= 3
    figures.add(f"batch of {count} pictures, {form}: killed", kills, "times", at_least=3)
    figures.add(f"batch of {count} pictures, {form}: and its end torn off", torn, "times")
    assert (0, "") == call(*arguments)[:2]
    assert rows == rows_of(table)


def test_ctrl_c_ends_a_batch_that_can_be_gone_on_with(stack, tmp_path):
    """It ends at once with status 130, says what is left, and the same command does the rest."""
    hashes, table = drawn(tmp_path / "pictures", 300), tmp_path / "table.csv"
    arguments = ["batch", tmp_path / "pictures", "--out", table, "--server", stack.addresses["gateway"]]
    process = command(*arguments)
    while not (table.exists() and table.stat().st_size > 1000):
        assert process.poll() is None
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    _, complaints = process.communicate(timeout=10)
    assert (130, True) == (process.returncode, "the same command goes on" in complaints), complaints
    assert "Traceback" not in complaints
    assert 0 == call(*arguments)[0]
    assert hashes == {row["file"]: row["sha256"] for row in rows_of(table)}


def test_a_batch_by_tensors(stack, tmp_path):
    """A model server without a gateway is given tensors, several at a time."""
    hashes, table = drawn(tmp_path / "pictures", 30), tmp_path / "table.jsonl"
    (tmp_path / "pictures/broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 broken")
    arguments = ["batch", tmp_path / "pictures", "--out", table, "--model", MODEL, "--protocol=serving-grpc"]
    status, _, complaints = call(*arguments, "--server", stack.addresses["serving-grpc"])
    assert (1, True) == (status, "30 answered, 1 refused" in complaints), complaints
    assert {*hashes, "broken.jpg"} == {row["file"] for row in rows_of(table)}


def test_a_batch_waits_for_a_gateway_that_has_too_much_to_do(stack, tmp_path):
    """More workers than the gateway has room for: 429 is waited out, and every picture has its answer."""
    gateway = GatewayProcess(
        tmp_path / "gateway.log",
        GATEWAY_MODEL_SERVER=f"127.0.0.1:{stack.server.grpc_port}",
        GATEWAY_MODELS=MODEL,
        GATEWAY_RATE_PER_S="20",
        GATEWAY_RATE_BURST="5",
    )
    try:
        hashes, table = drawn(tmp_path / "pictures", 60), tmp_path / "table.csv"
        options = ["--out", table, "--server", f"127.0.0.1:{gateway.port}", "--workers=8"]
        status, _, complaints = call("batch", tmp_path / "pictures", *options)
        assert 0 == status, complaints
        assert hashes == {row["file"]: row["sha256"] for row in rows_of(table)}
        with urllib.request.urlopen(f"http://127.0.0.1:{gateway.port}/metrics", timeout=30) as metrics:
            text = metrics.read().decode()
        (refused,) = re.findall(r'^gateway_refused_total{method="POST",reason="rate"} (.*)$', text, re.MULTILINE)
        assert float(refused) > 0
    finally:
        gateway.stop()
