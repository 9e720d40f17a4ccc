"""The process starts with a model that answers, or says in one line why not; and it ends cleanly."""

import functools
import logging
import os
import signal
import socket
import threading
import time

import grpc
import pytest

from model_server import main as module
from model_server.errors import StatusError
from model_server.loading import Loader
from serving_api.services import PredictionServiceStub
from tests.unit.model_server.fakes import predict_request
from tests.unit.model_server.test_grpc_server import free_port
from tests.unit.model_server.test_manager import wait_for


@pytest.fixture(autouse=True)
def process(monkeypatch, fake):
    """Put fake engines under the server, and put back what a process may change for good."""
    monkeypatch.setattr(module, "Loader", functools.partial(Loader, load_engine=fake))
    handlers, level = list(logging.root.handlers), logging.root.level
    signals = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for gate in fake.gates.values():
        gate.set()
    for number, handler in signals.items():
        signal.signal(number, handler)
    logging.root.handlers, logging.root.level = handlers, level


def run_until(condition, arguments, number=signal.SIGTERM):
    """Run the server in this thread; another thread sends a signal when the condition holds."""
    before = signal.getsignal(number)

    def watch():
        try:
            wait_for(lambda: signal.getsignal(number) is not before)
            wait_for(condition)
        finally:
            os.kill(os.getpid(), number)

    watcher = threading.Thread(target=watch)
    watcher.start()
    status = module.main(arguments)
    watcher.join()
    return status


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serves_until_a_signal(base_path, fake, number, capsys):
    """A server answers on both ports, and a signal ends it with status 0."""
    port, rest_port = free_port(), free_port()
    versions = []

    def answered():
        try:
            socket.create_connection(("127.0.0.1", rest_port), timeout=1).close()
        except OSError:
            return False
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            response = PredictionServiceStub(channel).Predict(predict_request(), timeout=10)
        versions.append(response.model_spec.version.value)
        return True

    arguments = [
        f"--port={port}",
        f"--rest_api_port={rest_port}",
        "--model_name=pizza",
        f"--model_base_path={base_path}",
    ]
    assert 0 == run_until(answered, arguments, number)
    assert [2] == versions
    assert fake.engines[2].closed
    assert "draining" in capsys.readouterr().err


def test_ports_open_after_the_model_has_loaded(base_path, fake):
    """An open port means a model that answers."""
    port = free_port()
    fake.gates[2] = threading.Event()
    closed = []

    def loading():
        if not fake.loads:
            return False
        with socket.socket() as probe:
            closed.append(probe.connect_ex(("127.0.0.1", port)) != 0)
        return True

    assert 0 == run_until(loading, [f"--port={port}", f"--model_base_path={base_path}"])
    assert [True] == closed


def test_signal_while_waiting_for_a_first_version(tmp_path):
    """A server without a version waits for one, and a signal ends the wait."""
    waiting = threading.Event()
    waiting.set()
    assert 0 == run_until(waiting.is_set, [f"--port={free_port()}", f"--model_base_path={tmp_path}"])


def test_flags_without_effect_are_warned_about(base_path, capsys):
    """A known flag that does nothing here says so, once, by name."""
    arguments = [f"--port={free_port()}", f"--model_base_path={base_path}", "--num_tflite_pools=2"]
    assert 0 == run_until(lambda: True, arguments)
    assert 1 == capsys.readouterr().err.count("--num_tflite_pools is known from TensorFlow Serving")


def taken():
    listener = socket.create_server(("", 0))
    return listener, listener.getsockname()[1]


def fail(arguments, capsys):
    """Start a server that cannot start; give its one line of error."""
    assert 1 == module.main(arguments)
    lines = [line for line in capsys.readouterr().err.splitlines() if " ERROR " in line and "load failed" not in line]
    assert 1 == len(lines)
    return lines[0]


def test_unknown_flag(capsys):
    """A misspelt flag is named."""
    assert "--prot=1" in fail(["--prot=1"], capsys)


def test_missing_directory(tmp_path, capsys):
    """A model directory that is not there is named."""
    assert f"Could not find base path {tmp_path}/none" in fail([f"--model_base_path={tmp_path}/none"], capsys)


def test_bad_file(tmp_path, capsys):
    """A configuration file that cannot be parsed is named."""
    (tmp_path / "models.config").write_text("model_config_list {")
    assert f"{tmp_path}/models.config" in fail([f"--model_config_file={tmp_path}/models.config"], capsys)


@pytest.mark.parametrize("flag", ["port", "rest_api_port"])
def test_taken_port(base_path, flag, capsys):
    """A port that another process has is named."""
    listener, port = taken()
    ports = {"port": free_port(), "rest_api_port": free_port(), flag: port}
    with listener:
        line = fail([f"--model_base_path={base_path}", *[f"--{name}={value}" for name, value in ports.items()]], capsys)
    assert f"--{flag}={port} cannot be opened: Address already in use" in line


def test_model_that_cannot_be_loaded(base_path, fake, capsys):
    """A model whose only version is broken stops the start with the reason, as in the original."""
    fake.broken[2] = StatusError(grpc.StatusCode.NOT_FOUND, "no model here")
    line = fail([f"--model_base_path={base_path}", "--max_num_load_retries=0"], capsys)
    assert "1 model(s) did not become available" in line
    assert "no model here" in line


def test_batching_parameters_file(base_path, tmp_path, fake):
    """With batching, requests are padded to the sizes that the file allows."""
    path = tmp_path / "batching.txt"
    path.write_text("max_batch_size { value: 4 } allowed_batch_sizes: 4")
    port = free_port()

    def answered():
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            PredictionServiceStub(channel).Predict(predict_request(), timeout=10, wait_for_ready=True)
        return True

    files = [f"--model_base_path={base_path}", "--enable_batching", f"--batching_parameters_file={path}"]
    assert 0 == run_until(answered, [f"--port={port}", "--model_name=pizza", *files])
    assert [("serving_default", 4)] == [call[:2] for call in fake.engines[2].calls]


def test_model_config_file_is_read_again(base_path, tmp_path, fake):
    """A model that is added to the file is served without a restart."""
    path = tmp_path / "models.config"
    entry = 'config { name: "%s" base_path: "%s" } '
    path.write_text("model_config_list { " + entry % ("pizza", base_path) + "}")
    port = free_port()

    def added():
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = PredictionServiceStub(channel)
            stub.Predict(predict_request(), timeout=10, wait_for_ready=True)
            path.write_text("model_config_list { " + entry % ("pizza", base_path) + entry % ("tea", base_path) + "}")
            for _ in range(100):
                try:
                    return stub.Predict(predict_request(model="tea"), timeout=10).outputs
                except grpc.RpcError:
                    time.sleep(0.1)
        raise AssertionError

    files = [f"--model_config_file={path}", "--model_config_file_poll_wait_seconds=1"]
    assert 0 == run_until(added, [f"--port={port}", *files])
    assert [2, 2] == fake.loads


def test_requests_that_never_end_do_not_keep_the_process(base_path, fake, monkeypatch):
    """After the grace period the process ends, whatever hangs."""
    port = free_port()
    monkeypatch.setattr(module, "DRAIN_GRACE_S", 0.1)
    exited, calls = [], []
    monkeypatch.setattr(module.os, "_exit", exited.append)
    channel = grpc.insecure_channel(f"127.0.0.1:{port}")

    def asked():
        if not fake.engines:
            return False
        fake.engines[2].gate.clear()
        calls.append(PredictionServiceStub(channel).Predict.future(predict_request(), timeout=30, wait_for_ready=True))
        wait_for(lambda: fake.engines[2].calls)
        return True

    run_until(asked, [f"--port={port}", "--model_name=pizza", f"--model_base_path={base_path}"])
    fake.engines[2].gate.set()
    channel.close()
    assert [0] == exited


def test_version(capsys):
    """--version prints and ends."""
    assert 0 == module.main(["--version"])
    assert capsys.readouterr().out.startswith("TensorFlow ModelServer: embedded")
