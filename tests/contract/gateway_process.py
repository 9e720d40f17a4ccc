"""Run the gateway as a process of its own, the way a container does."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

from tests.contract.server_process import REPOSITORY, free_port, wait_until


class GatewayProcess:
    """A running gateway: `call` it."""

    def __init__(self, log: Path, **settings: str) -> None:
        self.port = free_port()
        environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "apps"), "GATEWAY_PORT": str(self.port), **settings}
        self._log = log
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gateway.cli", "serve"], env=environment, stdout=out, stderr=out
            )
        wait_until(lambda: self._answers("/healthz"), 30, log.read_text)

    def call(self, path: str, data: bytes | None = None, kind: str = "application/json") -> tuple[int, dict]:
        """GET, or POST where there is data: status and JSON."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, {"Content-Type": kind})
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def stop(self) -> int:
        """Send SIGTERM and give the exit status."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(30)
        finally:
            self.process.kill()

    def _answers(self, path: str) -> bool:
        assert self.process.poll() is None, self._log.read_text()
        try:
            return self.call(path)[0] == 200
        except OSError:
            return False
