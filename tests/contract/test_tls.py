"""TLS between gateway and model server: the real programs, certificates that are right, and every way to be wrong."""

import datetime as dt
import json
import subprocess
import sys
from dataclasses import replace

import pytest

from gateway.predictor import open_predictor
from gateway.settings import Settings, SettingsError
from gateway.tls import read_tls
from serving_api.deadline import Deadline
from serving_api.errors import ModelUnavailable
from tests.contract.certificates import Authority, ssl_config
from tests.contract.gateway_process import GatewayProcess
from tests.contract.server_process import REPOSITORY, ServerProcess
from tests.contract.test_gateway import PICTURES, png
from tools.models import MODELS, write_model_config


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def authority(folder):
    return Authority(folder, "authority")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("stranger"), "stranger")


def serve(work, config):
    write_model_config(work / "models.config", ["pizza"], MODELS)
    flags = [f"--model_config_file={work / 'models.config'}", f"--ssl_config_file={config}"]
    return ServerProcess(work, flags, "litert")


@pytest.fixture(scope="module")
def server(folder, authority):
    """A model server that speaks TLS as `model-server`."""
    running = serve(folder, ssl_config(folder / "ssl.config", authority.sign("model-server")))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def strict_server(tmp_path_factory, authority):
    """One that asks who calls, too."""
    work = tmp_path_factory.mktemp("strict")
    running = serve(work, ssl_config(work / "ssl.config", authority.sign("model-server"), authority.ca_file))
    yield running
    running.stop()


def settings_of(server, **settings):
    told = {"model_server": f"localhost:{server.grpc_port}", "model_server_name": "model-server"}
    return Settings(**{**told, **{name: str(value) for name, value in settings.items()}})


def answers(settings):
    predictor = open_predictor(settings)
    try:
        return bool(predictor.signatures("pizza", Deadline.after(10)).signatures)
    except ModelUnavailable:
        return False
    finally:
        predictor.close()


def test_the_right_server_answers(server, authority):
    """With the authority that signed its certificate and the name in it, the server is asked."""
    assert answers(settings_of(server, model_server_ca_file=authority.ca_file))


def test_no_other_server_is_asked(server, authority, stranger):
    """Plain text, a stranger's authority, or another name in the certificate: nothing is sent."""
    right = settings_of(server, model_server_ca_file=authority.ca_file)
    assert not answers(replace(right, model_server_ca_file="", model_server_name=""))
    assert not answers(replace(right, model_server_ca_file=str(stranger.ca_file)))
    assert not answers(replace(right, model_server_name=""))  # it is called localhost
    assert not answers(replace(right, model_server_name="other-server"))


def test_a_server_that_asks_who_calls(strict_server, authority, stranger):
    """With client_verify only a gateway with a certificate of the right authority is answered."""
    right = settings_of(strict_server, model_server_ca_file=authority.ca_file)
    assert not answers(right)
    for signer, expected in ((authority, True), (stranger, False)):
        certificate, key = signer.sign("gateway")
        shown = replace(right, model_server_cert_file=str(certificate), model_server_key_file=str(key))
        assert expected == answers(shown)


def test_a_certificate_that_has_run_out(tmp_path, authority):
    """A server whose certificate is of yesterday is not asked."""
    old = authority.sign("model-server", valid=-dt.timedelta(days=1))
    running = serve(tmp_path, ssl_config(tmp_path / "ssl.config", old))
    try:
        assert not answers(settings_of(running, model_server_ca_file=authority.ca_file))
    finally:
        running.stop()


def test_the_name_is_the_targets_by_itself(authority):
    """Without a name, the certificate must name the host that the gateway calls, however that is written."""
    for target in ("dns:///model-server:8500", "model-server:8500"):
        told = Settings(model_server=target, model_server_ca_file=str(authority.ca_file))
        assert "model-server" == read_tls(told).server_name


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"model_server_ca_file": "/absent"}, "GATEWAY_MODEL_SERVER_CA_FILE='/absent': No such file"),
        ({"model_server_ca_file": __file__}, "holds no certificate"),
        ({"model_server_key_file": "/absent"}, "GATEWAY_MODEL_SERVER_KEY_FILE='/absent'"),
        ({"model_server_key_file": "other.key"}, "are no PEM certificate and its key"),
        ({"model_server_cert_file": __file__}, "are no PEM certificate and its key"),
    ],
)
def test_files_that_cannot_be_used(folder, authority, stranger, change, named):
    """A file that is missing, no PEM, or does not belong to the other is refused at the start, by its variable."""
    certificate, key = authority.sign("client")
    other = stranger.sign("other")[1]
    files = {
        "model_server_ca_file": str(authority.ca_file),
        "model_server_cert_file": str(certificate),
        "model_server_key_file": str(key),
    } | {name: str(other) if value == "other.key" else value for name, value in change.items()}
    with pytest.raises(SettingsError, match=named.replace("(", r"\(")):
        read_tls(Settings(**files))


@pytest.mark.parametrize(
    "given",
    [
        {"GATEWAY_MODEL_SERVER_CERT_FILE": "a", "GATEWAY_MODEL_SERVER_CA_FILE": "c"},
        {"GATEWAY_MODEL_SERVER_CERT_FILE": "a", "GATEWAY_MODEL_SERVER_KEY_FILE": "b"},
        {"GATEWAY_MODEL_SERVER_NAME": "model-server"},
    ],
)
def test_half_of_it_is_refused(given):
    """A certificate without its key, or anything without an authority, would not do what was meant."""
    with pytest.raises(SettingsError, match="GATEWAY_MODEL_SERVER_CERT_FILE"):
        Settings.from_environment(given)


def command(*arguments, **environment):
    """Run the gateway's program to its end."""
    return subprocess.run(
        [sys.executable, "-m", "gateway.cli", *arguments],
        env={"PYTHONPATH": str(REPOSITORY / "apps"), "PATH": "", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def verify(gateway, server, timeout_s, **environment):
    address = f"127.0.0.1:{gateway.port}"
    ways = {"gateways": address, "model-servers": f"127.0.0.1:{server.grpc_port}", "service": f"http://{address}"}
    options = [f"--{name}={value}" for name, value in {**ways, "goldens": MODELS, "timeout-s": timeout_s}.items()]
    return command("verify", *options, **environment)


@pytest.fixture
def told(server, authority):
    return {
        "GATEWAY_MODEL_SERVER": f"localhost:{server.grpc_port}",
        "GATEWAY_MODEL_SERVER_CA_FILE": str(authority.ca_file),
        "GATEWAY_MODEL_SERVER_NAME": "model-server",
    }


def test_gateway_and_verify(server, told, tmp_path):
    """The gateway as a program answers over TLS, and `gateway verify` asks each server by the same settings."""
    gateway = GatewayProcess(tmp_path / "gateway.log", **told)
    try:
        assert 200 == gateway.call("/predict", png(PICTURES[0]), "image/png")[0]
        done = verify(gateway, server, 20, **told)
        assert 0 == done.returncode, done.stdout + done.stderr
    finally:
        gateway.stop()


def test_keys_and_verify(server, told, tmp_path):
    """`gateway verify` asks with a key where the gateways want one, and is red without; no log has the key."""
    made = command("key", "verify")
    keys, key_file = tmp_path / "keys", tmp_path / "verify"
    keys.write_text(made.stdout)
    key_file.write_text(made.stderr)
    gateway = GatewayProcess(tmp_path / "gateway.log", GATEWAY_API_KEYS_FILE=str(keys), **told)
    try:
        assert 401 == gateway.call("/predict", png(PICTURES[0]), "image/png")[0]
        without = verify(gateway, server, 4, **told)
        assert (1, True) == (without.returncode, "status 401" in without.stdout), without.stdout
        done = verify(gateway, server, 20, VERIFY_KEY_FILE=str(key_file), **told)
        assert 0 == done.returncode, done.stdout + done.stderr
        logged = (tmp_path / "gateway.log").read_text()
        assert made.stderr.strip() not in logged
        assert "verify" in {json.loads(line).get("caller") for line in logged.splitlines() if line.startswith("{")}
    finally:
        gateway.stop()
