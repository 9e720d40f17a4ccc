"""Real model servers that a test kills, freezes and starts again, behind a real gateway."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

from tests.contract.gateway_process import GatewayProcess
from tests.contract.server_process import ServerProcess, free_port
from tests.load import Load
from tools.models import DEFAULT, MODELS, versions, write_model_config

GOLDEN = MODELS / DEFAULT / str(versions(DEFAULT)[-1]) / "golden"
PICTURE = min(GOLDEN.glob("*.png")).read_bytes()


class Rig:
    """A gateway and some model servers, which it reaches at fixed ports.

    Args:
        work_dir: for logs and files.
        count: of model servers.
        target: makes the gateway's gRPC target out of the first server's port, if it is not to go there straight.
        settings: of the gateway.
    """

    def __init__(
        self, work_dir: Path, count: int = 2, target: Callable[[int], str] | None = None, **settings: str
    ) -> None:
        self._work_dir = work_dir
        self._config = work_dir / "models.config"
        write_model_config(self._config, [DEFAULT], MODELS)
        self.ports = [free_port() for _ in range(count)]
        self.servers: list[ServerProcess | None] = [None] * count
        self.gateway: GatewayProcess | None = None
        try:
            for index in range(count):
                self.start(index)
            straight = "ipv4:" + ",".join(f"127.0.0.1:{port}" for port in self.ports)
            address = target(self.ports[0]) if target else straight
            self.gateway = GatewayProcess(work_dir / "gateway.log", GATEWAY_MODEL_SERVER=address, **settings)
        except BaseException:
            self.close()
            raise

    def start(self, index: int) -> None:
        """Start a server, and wait until its ports are open."""
        flags = [f"--model_config_file={self._config}", "--max_num_load_retries=0"]
        self.servers[index] = ServerProcess(self._work_dir, flags, "litert", self.ports[index])

    def send(self, index: int, number: signal.Signals) -> None:
        """Send a signal to a server; wait for its end where that ends it."""
        process = self.servers[index].process
        os.kill(process.pid, number)
        if number in (signal.SIGKILL, signal.SIGTERM):
            process.wait(60)

    def load(self, rate: float) -> Load:
        """Ask for predictions at a rate, a second."""
        return Load(f"http://127.0.0.1:{self.gateway.port}/predict", PICTURE, rate)

    def call(self, path: str) -> int:
        """GET a path of the gateway: the status."""
        return self.gateway.call(path)[0]

    def predict(self) -> tuple[int, dict]:
        """Ask for one prediction."""
        return self.gateway.call("/predict", PICTURE, "image/png")

    def close(self) -> None:
        """Stop everything, whatever state it is in."""
        if self.gateway is not None:
            self.gateway.stop()
        for server in self.servers:
            if server is not None:
                server.channel.close()
                server.process.kill()
                server.process.wait(60)


def is_problem(answer: dict) -> bool:
    """Tell whether an answer is a problem of ours, which has an id and no trace of code."""
    return answer["type"].startswith("urn:") and "request_id" in answer and "Traceback" not in json.dumps(answer)
