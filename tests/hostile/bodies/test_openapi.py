"""The gateway answers as its own /openapi.json says, to requests that keep to it and to those that do not."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.server_process import REPOSITORY
from tests.contract.test_gateway import GatewayProcess

CONFIG = Path(__file__).with_name("schemathesis.toml")
PROGRAM = Path(sys.executable).with_name("schemathesis")


@pytest.fixture(scope="session")
def strict_gateway(model_server, tmp_path_factory):
    """Serve `small`, and fetch from a host only that is not there: schemathesis makes URLs up."""
    process = GatewayProcess(
        tmp_path_factory.mktemp("strict") / "gateway.log",
        GATEWAY_MODEL_SERVER=f"localhost:{model_server.grpc_port}",
        GATEWAY_MODELS="small",
        GATEWAY_URL_HOSTS="pictures.invalid",
        PYTHONPATH=str(REPOSITORY / "apps"),
    )
    yield process
    assert 0 == process.stop()


def schemathesis(gateway, folder, *flags):
    """Run schemathesis with all its checks; give how many requests it made."""
    address = f"http://127.0.0.1:{gateway.port}"
    command = [PROGRAM, "--config-file", CONFIG, "run", f"{address}/openapi.json", "--url", address, "--checks", "all"]
    command += ["--generation-deterministic", "--no-color", "--request-timeout", "10", "--continue-on-failure", *flags]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stdout[-10_000:] + done.stderr
    return int(re.search(r"(\d+) generated", done.stdout)[1])


def test_examples_of_the_description(strict_gateway, tmp_path):
    """Each call of the description, by its examples."""
    assert 0 < schemathesis(strict_gateway, tmp_path, "--phases", "examples")


@pytest.mark.hostile
def test_whatever_the_description_allows_and_forbids(strict_gateway, tmp_path, figures):
    """Generated requests, valid and not, and sequences of them: statuses, headers and bodies are as described."""
    count = schemathesis(strict_gateway, tmp_path, "--max-examples", "10", "--max-time", "60")
    figures.add("requests made from the OpenAPI", count)
    figures.add("answers that are not as described", 0, at_most=0)
