"""Print what good clients of the gateway see beside hundreds that send and read a few bytes a second (Linux).

    .venv/test/bin/python -m bench.slow_clients --seconds 60 --clients 500

The last lines of bench/README.md keep what other servers gave.
"""

import argparse
import tempfile
import time
from pathlib import Path

from bench.footprint import PICTURE, memory
from tests.contract.gateway_process import GatewayProcess
from tests.contract.server_process import ServerProcess
from tests.load import Load
from tests.slow_clients import SlowClients
from tools.models import DEFAULT, MODELS, write_model_config

RATE = 5.0  # of good clients, requests a second


def main() -> None:
    """Start both servers, and measure without slow clients, with writers, with readers, with both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="for each row (%(default)s)")
    parser.add_argument("--clients", type=int, default=500, help="slow clients of each kind (%(default)s)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "models.config"
        write_model_config(config, [DEFAULT], MODELS)
        server = ServerProcess(Path(folder), [f"--model_config_file={config}"])
        gateway = GatewayProcess(Path(folder) / "log", GATEWAY_MODEL_SERVER=f"localhost:{server.grpc_port}")
        try:
            measure(gateway, "warming up", 0, 0, 3.0)
            for name, readers, writers in (("alone", 0, 0), ("writers", 0, 1), ("readers", 1, 0), ("both", 1, 1)):
                counts = (readers * arguments.clients, writers * arguments.clients)
                print(measure(gateway, name, *counts, arguments.seconds), flush=True)
        finally:
            gateway.stop()
            server.stop()


def measure(gateway: GatewayProcess, name: str, readers: int, writers: int, seconds: float) -> str:
    """Give a row."""
    with (
        SlowClients(gateway.port, readers=readers, writers=writers),
        Load(f"http://127.0.0.1:{gateway.port}/predict", PICTURE.read_bytes(), RATE) as load,
    ):
        time.sleep(seconds)
        rss, _ = memory(gateway.process.pid)
    good = load.between()
    failed = ", ".join(f"{count} x {answer}" for answer, count in good.failures.items()) or "none"
    p50, p99 = 1000 * good.percentile_s(50), 1000 * good.percentile_s(99)
    return f"{name:<8} p50 {p50:4.0f} ms  p99 {p99:4.0f} ms  failed of {good.sent}: {failed}  {rss:4.0f} MB RSS"


if __name__ == "__main__":
    main()
