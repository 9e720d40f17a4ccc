"""Real processes that the fault tests share: one model server with `pizza`, and gateways in front of it."""

import pytest

from tests.contract.gateway_process import GatewayProcess
from tests.contract.server_process import ServerProcess, wait_until
from tools.models import DEFAULT, MODELS, versions, write_model_config

GOLDEN = MODELS / DEFAULT / str(versions(DEFAULT)[-1]) / "golden"
PICTURE = min(GOLDEN.glob("*.png")).read_bytes()


@pytest.fixture(scope="module")
def model_server(tmp_path_factory):
    """Serve `pizza`."""
    work_dir = tmp_path_factory.mktemp("model-server")
    write_model_config(work_dir / "models.config", [DEFAULT], MODELS)
    server = ServerProcess(work_dir, [f"--model_config_file={work_dir / 'models.config'}"], "litert")
    yield server
    server.stop()


@pytest.fixture
def serve(model_server, tmp_path):
    """Start gateways by their settings; each is ready, and stopped in the end."""
    gateways = []

    def start(**settings):
        log = tmp_path / f"gateway-{len(gateways)}.log"
        gateway = GatewayProcess(
            log, GATEWAY_MODEL_SERVER=f"localhost:{model_server.grpc_port}", GATEWAY_HOST="127.0.0.1", **settings
        )
        gateways.append(gateway)
        wait_until(lambda: 200 == gateway.call("/predict", PICTURE, "image/png")[0], 30, log.read_text)
        return gateway

    yield start
    for gateway in gateways:
        gateway.stop()
