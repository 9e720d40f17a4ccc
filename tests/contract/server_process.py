"""Run the real model server as a process of its own, the way a person or a container does."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import grpc

REPOSITORY = Path(__file__).resolve().parents[2]
START_LIMIT_S = 90.0  # TensorFlow's import on a busy machine; LiteRT needs about one second


class ServerProcess:
    """A running model server.

    Args:
        work_dir: where its log is written.
        flags: command line, without the ports.
        engine: MODEL_SERVER_ENGINE.
        grpc_port: where gRPC is answered; any free port if none is given.
    """

    def __init__(self, work_dir: Path, flags: list[str], engine: str = "auto", grpc_port: int | None = None) -> None:
        self.grpc_port, self.rest_port = grpc_port or free_port(), free_port()
        self._log = work_dir / f"server-{self.grpc_port}.log"
        paths = [str(REPOSITORY / "apps"), str(REPOSITORY / "apps" / "model-server")]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "MODEL_SERVER_ENGINE": engine}
        ports = [f"--port={self.grpc_port}", f"--rest_api_port={self.rest_port}"]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "model_server", *ports, *flags], env=environment, stdout=log, stderr=log
            )
        wait_until(self._is_open, START_LIMIT_S, self.log)
        self.channel = grpc.insecure_channel(
            f"localhost:{self.grpc_port}", options=[("grpc.max_receive_message_length", -1)]
        )

    def get(self, path: str) -> tuple[int, object]:
        """GET a path of the REST API: HTTP status and JSON body."""
        return self._call(urllib.request.Request(f"http://localhost:{self.rest_port}{path}"))

    def post(self, path: str, body: object) -> tuple[int, object]:
        """POST JSON (or bytes as they are): HTTP status and JSON body."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self._call(urllib.request.Request(f"http://localhost:{self.rest_port}{path}", data=data, method="POST"))

    def text(self, path: str) -> str:
        """GET a page that is no JSON."""
        with urllib.request.urlopen(f"http://localhost:{self.rest_port}{path}", timeout=30) as response:
            return response.read().decode()

    def log(self) -> str:
        """Give what the server has written so far."""
        return self._log.read_text(errors="replace")

    def stop(self) -> int:
        """Send SIGTERM and give the exit status."""
        self.channel.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(60)
        finally:
            self.process.kill()

    def _is_open(self) -> bool:
        assert self.process.poll() is None, self.log()
        return all(_accepts(port) for port in (self.grpc_port, self.rest_port))

    def _call(self, request: urllib.request.Request) -> tuple[int, object]:
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, json.loads(response.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())


def wait_until(holds: Callable[[], bool], limit_s: float, explain: Callable[[], str]) -> None:
    """Wait for a condition; fail with an explanation after the limit."""
    end_s = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < end_s, explain()
        time.sleep(0.05)


def free_port() -> int:
    """Find a TCP port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
