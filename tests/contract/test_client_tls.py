"""The client over TLS: it sends nothing to a server that it cannot know by `--ca-file`."""

import asyncio
import contextlib
import ssl
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from gateway.client import Patience, Unavailable, UsageError, connect
from gateway.goldens import read_golden
from tests.contract.certificates import Authority, ssl_config
from tests.contract.gateway_process import GatewayProcess
from tests.contract.server_process import ServerProcess
from tools.models import MODELS, versions, write_model_config

MODEL = "fashion-mnist"  # the smallest input
GOLDEN = read_golden(MODELS / MODEL / str(versions(MODEL)[-1]))
PICTURE, LABEL = GOLDEN.pictures[0], GOLDEN.labels[GOLDEN.probabilities[0].argmax()]


class TlsFront:
    """What stands before a gateway and speaks TLS, as an ingress does; counts the connections that came through."""

    def __init__(self, port, certificate, key):
        self.opened, self._port = 0, port
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self._loop, ready = asyncio.new_event_loop(), threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,))
        self._thread.start()
        ready.wait(10)

    def _run(self, ready):
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context))
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))

    async def _serve(self, reader, writer):
        self.opened += 1
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._port)
        await asyncio.gather(self._pass_on(reader, inner_writer), self._pass_on(inner_reader, writer))

    async def _pass_on(self, reader, writer):
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    def stop(self):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"), "authority")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("stranger"), "stranger")


@pytest.fixture(scope="module")
def server(tmp_path_factory, authority):
    """A model server that speaks TLS as `localhost`."""
    work = tmp_path_factory.mktemp("server")
    write_model_config(work / "models.config", [MODEL], MODELS)
    config = ssl_config(work / "ssl.config", authority.sign("localhost"))
    running = ServerProcess(
        work, [f"--model_config_file={work / 'models.config'}", f"--ssl_config_file={config}"], "litert"
    )
    yield running
    running.stop()


@pytest.fixture(scope="module")
def front(tmp_path_factory, server, authority):
    """TLS as `localhost` before a gateway."""
    gateway = GatewayProcess(
        tmp_path_factory.mktemp("gateway") / "gateway.log",
        GATEWAY_MODEL_SERVER=f"localhost:{server.grpc_port}",
        GATEWAY_MODEL_SERVER_CA_FILE=str(authority.ca_file),
        GATEWAY_MODELS=MODEL,
    )
    running = TlsFront(gateway.port, *authority.sign("localhost"))
    yield running
    running.stop()
    gateway.stop()


@pytest.fixture(params=["gateway", "kserve-v2", "serving-grpc"])
def way(request, front, server):
    """A protocol and the address that speaks it over TLS."""
    address = f"localhost:{server.grpc_port}" if "serving-grpc" == request.param else f"https://localhost:{front.port}"
    return request.param, address


def label(way, authority):
    protocol, address = way
    patience = Patience(timeout_s=5, tries=1)
    with connect(address, protocol, ca_file=str(authority.ca_file), patience=patience) as client:
        return client.classify(PICTURE, MODEL).label


def test_the_right_authority(way, authority):
    """With the authority that signed its certificate, the server is asked, whatever the protocol."""
    assert LABEL == label(way, authority)


def test_a_strangers_authority(way, stranger, front):
    """With another authority nothing comes through; gRPC cannot tell that from no connection."""
    before = front.opened
    expected, said = (Unavailable, None) if "serving-grpc" == way[0] else (UsageError, "certificate is not trusted")
    with pytest.raises(expected, match=said):
        label(way, stranger)
    assert before == front.opened


def test_the_installed_command(front, authority, stranger, tmp_path):
    """`gateway-client` stands beside the environment's Python, takes `--ca-file`, and fails in one line."""
    file = tmp_path / "picture.png"
    file.write_bytes(PICTURE)
    program = [Path(sys.executable).with_name("gateway-client"), "predict", file, "--model", MODEL, "--tries", "1"]
    done, failed = (
        subprocess.run(
            [*program, "--server", f"https://localhost:{front.port}", "--ca-file", ca_file],
            capture_output=True,
            text=True,
            check=False,
        )
        for ca_file in (authority.ca_file, stranger.ca_file)
    )
    assert (0, True) == (done.returncode, LABEL in done.stdout), done.stderr
    assert (2, 1) == (failed.returncode, len(failed.stderr.splitlines())), failed.stderr
