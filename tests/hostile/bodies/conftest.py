"""The gateway and the embedded model server as processes of their own, for requests made to harm."""

import os
from pathlib import Path

import pytest

from tests.contract.server_process import REPOSITORY, ServerProcess
from tests.contract.test_gateway import GatewayProcess
from tests.hostile.connections import Connections
from tools.models import MODELS

MODEL = MODELS / "fashion-mnist"  # the smallest; its pictures have the size that requests.py says


@pytest.fixture(scope="session")
def model_server(tmp_path_factory):
    flags = ["--model_name=small", f"--model_base_path={MODEL}"]
    process = ServerProcess(tmp_path_factory.mktemp("model-server"), flags, "litert")
    yield process
    process.stop()


@pytest.fixture(scope="session")
def gateway(model_server, tmp_path_factory):
    """Serve `small`; at the end the gateway must be alive and must not have tried to leave this machine."""
    folder = tmp_path_factory.mktemp("gateway")
    refused = folder / "refused"
    environment = Connections().environment(refused)
    environment["PYTHONPATH"] = os.pathsep.join([environment["PYTHONPATH"], str(REPOSITORY / "apps")])
    process = GatewayProcess(
        folder / "gateway.log",
        GATEWAY_MODEL_SERVER=f"localhost:{model_server.grpc_port}",
        GATEWAY_MODELS="small",
        **environment,
    )
    yield process
    assert 0 == process.stop()
    log = (folder / "gateway.log").read_text(errors="replace")
    assert "Traceback" not in log, log[-3000:]
    assert "" == (refused.read_text() if refused.exists() else "")


@pytest.fixture(scope="session")
def peak_bytes(gateway):
    """Give a function that reads the gateway's peak resident memory."""

    def read():
        status = Path(f"/proc/{gateway.process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024

    return read
