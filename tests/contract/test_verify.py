"""`gateway verify` as its Job runs it, against a real gateway and a real model server with the bundled pizza."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.contract.gateway_process import GatewayProcess
from tests.contract.server_process import REPOSITORY, ServerProcess, free_port
from tools.models import MODELS, versions

VERSION = versions("pizza")[-1]
CONFIG = """
model_config_list {{
  config {{
    name: "pizza" base_path: "{base}" model_platform: "tensorflow"
    model_version_policy {{ specific {{ {versions} }} }} {labels}
  }}
}}
"""


def config(path, base, *served, labels=None):
    """Write a list of models with pizza alone."""
    numbers = " ".join(f"versions: {version}" for version in served)
    words = " ".join(f'version_labels {{ key: "{key}" value: {value} }}' for key, value in (labels or {}).items())
    path.write_text(CONFIG.format(base=base, versions=numbers, labels=words))
    return path


class Stack:
    """A model server and a gateway in front of it; `verify` runs the command against both."""

    def __init__(self, work_dir, models_config, goldens, **settings):
        self.models_config, self.goldens = models_config, goldens
        flags = [f"--model_config_file={models_config}", "--allow_version_labels_for_unavailable_models"]
        self.server = ServerProcess(work_dir, flags, "litert")
        told = {"GATEWAY_COMMIT": "abc", "GATEWAY_REVISION": "123", "GATEWAY_IMAGE": "gateway:1"}
        self.gateway = GatewayProcess(
            work_dir / "gateway.log",
            GATEWAY_MODEL_SERVER=f"127.0.0.1:{self.server.grpc_port}",
            GATEWAY_MODEL_CONFIG_FILE=str(models_config),
            **{**told, **settings},
        )

    def verify(self, *options, timeout_s=3.0, environment=None, **ways):
        """Run the command. Returns: exit status, what it wrote, seconds."""
        gateway, server = f"127.0.0.1:{self.gateway.port}", f"127.0.0.1:{self.server.grpc_port}"
        ways = {"gateways": gateway, "model-servers": server, "service": f"http://{gateway}"} | {
            name.replace("_", "-"): value for name, value in ways.items()
        }
        return verify(
            *[f"--{name}={value}" for name, value in ways.items()],
            f"--models-config={self.models_config}",
            f"--goldens={self.goldens}",
            f"--timeout-s={timeout_s}",
            *options,
            environment=environment,
        )

    def stop(self):
        self.gateway.stop()
        self.server.stop()


def verify(*options, environment=None):
    began_s = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "gateway.cli", "verify", *options],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "apps"), **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    words = done.stdout + done.stderr
    assert "Traceback" not in words, words
    return done.returncode, words, time.monotonic() - began_s


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """The bundled pizza, served by its newest version."""
    work_dir = tmp_path_factory.mktemp("verify")
    running = Stack(work_dir, config(work_dir / "models.config", MODELS / "pizza", VERSION), MODELS)
    yield running
    running.stop()


def test_what_is_right_is_green(stack):
    """All is green when commit, revision and image are the expected ones, given as options or by the environment."""
    status, words, _ = stack.verify("--commit=abc", "--revision=123", "--image=gateway:1", timeout_s=60)
    assert 0 == status, words
    assert f"6 goldens of pizza {VERSION}: at most" in words
    assert "commit abc, revision 123, image gateway:1; ready, its page loads" in words
    assert words.endswith("verified: 6 checks are green, twice in a row\n")
    expected = {"VERIFY_REVISION": "123", "GATEWAY_IMAGE": "gateway:1"}
    assert 0 == stack.verify("--replicas=gateway=1", timeout_s=60, environment=expected)[0]


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"VERIFY_REVISION": "456"}, "revision is 123, not 456"),
        ({"GATEWAY_IMAGE": "gateway:2"}, "image is gateway:1, not gateway:2"),
    ],
)
def test_another_revision_or_image_is_red(stack, environment, said):
    """A gateway of another revision or image is red, and the time is kept."""
    status, words, took_s = stack.verify(environment=environment)
    assert (1, True) == (status, said in words), words
    assert "NOT verified within 3 s: 1 of 5 checks are red" in words
    assert took_s < 60  # ends, and not by the time limit of a call that hangs


@pytest.mark.parametrize("way", ["gateways", "model_servers", "service"])
def test_nothing_listens_or_the_name_leads_nowhere(stack, way):
    """An address where nobody listens, and a name without addresses, are red with that reason."""
    port = free_port()
    scheme = "http://" if way == "service" else ""
    status, words, took_s = stack.verify(**{way: f"{scheme}127.0.0.1:{port}"})
    assert (1, True) == (status, "refused" in words), words
    assert took_s < 60  # ends, and not by the time limit of a call that hangs
    status, words, took_s = stack.verify(**{way: f"{scheme}no-such-host.invalid:{port}"})
    unknown = "Name or service not known" if way == "service" else "no-such-host.invalid has no address"
    assert (1, True) == (status, unknown in words or "name resolution" in words), words
    assert took_s < 60  # ends, and not by the time limit of a call that hangs


@pytest.mark.parametrize("way", ["gateways", "model_servers", "service"])
def test_what_hangs_is_red_in_time(stack, way):
    """A peer that takes the connection and says nothing is red when time is up."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        scheme = "http://" if way == "service" else ""
        address = f"{scheme}127.0.0.1:{silent.getsockname()[1]}"
        status, words, took_s = stack.verify(timeout_s=2.0, **{way: address})
    assert 1 == status, words
    assert "NOT verified within 2 s" in words
    assert took_s < 60  # ends, and not by the time limit of a call that hangs


def test_a_frozen_model_server_is_red_in_time(stack):
    """A model server that is stopped in its tracks is red when time is up."""
    stack.server.process.send_signal(signal.SIGSTOP)
    try:
        status, words, took_s = stack.verify(timeout_s=2.0)
    finally:
        stack.server.process.send_signal(signal.SIGCONT)
    assert (1, True) == (status, "NOT verified within 2 s" in words), words
    assert took_s < 60  # ends, and not by the time limit of a call that hangs
    assert 0 == stack.verify(timeout_s=60)[0]


def test_goldens_that_differ_are_red(stack, tmp_path):
    """A model whose answers are not the goldens' is red at the server and at the Service, with the difference."""
    goldens = tmp_path / "goldens"
    home = goldens / "pizza" / str(VERSION)
    source = MODELS / "pizza" / str(VERSION)
    shutil.copytree(source / "golden", home / "golden")
    record = json.loads((source / "golden.json").read_text())
    first = record["pictures"][0]
    first["probabilities"] = [
        value + change for value, change in zip(first["probabilities"], (0.02, -0.02), strict=True)
    ]
    (home / "golden.json").write_text(json.dumps(record))
    status, words, _ = stack.verify(f"--goldens={goldens}")
    assert 1 == status
    assert f"pizza: version {VERSION} is 0.02 off on a golden; at most 0.01 is allowed" in words
    assert f"/v1/models/pizza/versions/{VERSION}:predict: version {VERSION} is 0.02 off" in words
    record["labels"] = record["labels"][::-1]
    (home / "golden.json").write_text(json.dumps(record))
    status, words, _ = stack.verify(f"--goldens={goldens}")
    assert f"version {VERSION} has labels ['pizza', 'not_pizza'], not ['not_pizza', 'pizza']" in words


def test_what_cannot_be_expected_ends_at_once(stack, tmp_path):
    """Without goldens nothing can be verified: one line says so, and nobody waits."""
    status, words, took_s = stack.verify(f"--goldens={tmp_path}", timeout_s=60)
    assert (1, 1) == (status, words.count("\n"))
    assert f"error: {tmp_path} holds no goldens of pizza version {VERSION}" in words
    assert took_s < 30  # not the 60 s that it may wait
    assert 0 == stack.verify(f"--goldens={tmp_path}", "--without-goldens=pizza", timeout_s=60)[0]


@pytest.fixture
def two_versions(tmp_path):
    """Pizza and a newer version of it, which is the same model."""
    for version in (VERSION, VERSION + 1):
        shutil.copytree(MODELS / "pizza" / str(VERSION), tmp_path / "models" / "pizza" / str(version))
    record = tmp_path / "models" / "pizza" / str(VERSION + 1) / "golden.json"
    record.write_text(record.read_text().replace(f'"version": {VERSION}', f'"version": {VERSION + 1}'))
    return tmp_path / "models"


def test_another_version_is_red_and_a_canary_green(two_versions, tmp_path):
    """A replica that still has the old version is red; with labels, both versions are held to their goldens."""
    newer, labels = VERSION + 1, {"stable": VERSION, "canary": VERSION + 1}
    base = two_versions / "pizza"
    running = Stack(
        tmp_path,
        config(tmp_path / "served.config", base, VERSION, newer, labels=labels),
        two_versions,
        GATEWAY_CANARIES="pizza:canary=0.5",
    )
    try:
        status, words, _ = running.verify(timeout_s=60)
        assert 0 == status, words
        assert f"12 goldens of pizza {newer} {VERSION}: at most" in words
        running.models_config = config(tmp_path / "older.config", base, VERSION)
        assert f"pizza: answers as version {newer}, not {VERSION}" in running.verify()[1]
        moved = {"stable": newer, "canary": newer}
        running.models_config = config(tmp_path / "moved.config", base, VERSION, newer, labels=moved)
        assert f"the label 'stable' leads to version {VERSION}, not {newer}" in running.verify()[1]
        shutil.copytree(two_versions / "pizza" / str(newer), two_versions / "pizza" / str(newer + 1))
        record = two_versions / "pizza" / str(newer + 1) / "golden.json"
        record.write_text(record.read_text().replace(f'"version": {newer}', f'"version": {newer + 1}'))
        running.models_config = config(tmp_path / "newer.config", base, newer + 1)
        assert f"pizza: answers as version {newer}, not {newer + 1}" in running.verify()[1]
    finally:
        running.stop()


def test_a_mis_scaled_model_is_red(mis_scaled, tmp_path):
    """The seed's bug, exported with the right model's goldens: it loads and answers, and is not verified."""
    served = tmp_path / "served" / "pizza"
    shutil.copytree(mis_scaled, served / str(VERSION))
    running = Stack(tmp_path, config(tmp_path / "models.config", served, VERSION), MODELS)
    try:
        status, words, _ = running.verify()
        assert 1 == status
        assert f"version {VERSION} is 0." in words, words
        assert "off on a golden; at most 0.01 is allowed" in words
    finally:
        running.stop()


class Proof:
    """`gateway prove` beside a model server."""

    def __init__(self, served, models_config, goldens, *, timeout_s=60):
        self.port = free_port()
        command = [sys.executable, "-m", "gateway.cli", "prove", f"--model-server=127.0.0.1:{served}"]
        options = [f"--models-config={models_config}", f"--goldens={goldens}", f"--timeout-s={timeout_s}"]
        self.process = subprocess.Popen(
            [*command, *options, f"--port={self.port}"],
            env={**os.environ, "PYTHONPATH": str(REPOSITORY / "apps")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def is_open(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def end(self):
        """Ask it to stop. Returns: exit status, what it wrote."""
        try:
            words, _ = self.process.communicate(timeout=30)
        finally:
            self.process.kill()
        assert "Traceback" not in words, words
        return self.process.returncode, words


def test_a_pod_opens_its_port_once_the_model_server_answers_rightly(stack, tmp_path):
    """The port stays open, in little memory, until SIGTERM."""
    proof = Proof(stack.server.grpc_port, stack.models_config, MODELS)
    end = time.monotonic() + 60
    while not proof.is_open():
        assert proof.process.poll() is None, proof.end()
        assert time.monotonic() < end
        time.sleep(0.1)
    status = Path(f"/proc/{proof.process.pid}/status").read_text()
    (resident,) = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")]
    assert int(resident) < 24 * 1024, "kB: it must have left NumPy and gRPC behind"
    assert proof.is_open()
    proof.process.send_signal(signal.SIGTERM)
    status, words = proof.end()
    assert (0, True) == (status, f"proved: 6 goldens of pizza {VERSION}: at most" in words), words


def test_a_pod_with_a_wrong_model_stays_shut(stack, tmp_path):
    """Labels in another order, or nobody there, open nothing: the last line says why."""
    home = tmp_path / "pizza" / str(VERSION)
    shutil.copytree(MODELS / "pizza" / str(VERSION), home)
    record = json.loads((home / "golden.json").read_text())
    (home / "golden.json").write_text(json.dumps(record | {"labels": record["labels"][::-1]}))
    for served, why in (
        (stack.server.grpc_port, "has labels ['pizza', 'not_pizza']"),
        (free_port(), "not yet: pizza: "),
    ):
        proof = Proof(served, stack.models_config, tmp_path, timeout_s=2)
        status, words = proof.end()
        assert (1, True, False) == (status, why in words, proof.is_open()), words
        assert "error: no proof within 2 s" in words


def test_a_proof_that_waits_ends_when_it_is_told_to(stack):
    """Process 1 of a container has no default for SIGTERM: unhandled, a rollback would wait for the pod's grace."""
    proof = Proof(free_port(), stack.models_config, MODELS)
    assert "not yet" in proof.process.stdout.readline()
    begin_s = time.monotonic()
    proof.process.send_signal(signal.SIGTERM)
    status, words = proof.end()
    assert 128 + signal.SIGTERM == status, words
    assert time.monotonic() - begin_s < 5
