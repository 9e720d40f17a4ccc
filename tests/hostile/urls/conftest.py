"""A gateway as in production, held to one public address, whose stand-in is a hostile host here."""

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.contract.certificates import Authority
from tests.contract.gateway_process import GatewayProcess
from tests.contract.server_process import ServerProcess
from tests.hostile import zone
from tests.hostile.connections import Connections
from tests.hostile.urls.host import Host
from tests.hostile.urls.tls import TLS_HOSTS, context_of
from tools.models import DEFAULT, MODELS

ROOT = Path(__file__).parents[3]
AT_A_TIME = 10


class Guarded(GatewayProcess):
    """A gateway that may connect to nothing but the public addresses of the hosts."""

    def fetch(self, url):
        """Have a URL classified: status, problem's type, seconds."""
        began_s = time.monotonic()
        # The text of a URL may hold half a surrogate pair, as JSON may: escaped.
        status, answer = self.call("/predict", json.dumps({"url": url}).encode())
        return SimpleNamespace(
            url=url, status=status, kind=answer.get("type", ""), took_s=time.monotonic() - began_s, answer=answer
        )

    def fetch_all(self, urls, at_a_time=AT_A_TIME):
        """Have many classified, a few at a time."""
        with ThreadPoolExecutor(at_a_time) as pool:
            return list(pool.map(self.fetch, urls))

    @property
    def refused(self):
        """Give what it tried to reach beside what it may."""
        return self.file.read_text().splitlines() if self.file.exists() else []

    @property
    def peak_mb(self):
        """Give the most memory that it ever had, megabytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1000

    @property
    def cpu_s(self):
        """Give the processor time that it has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.fixture(scope="session")
def host():
    """The hostile host behind the public address, IPv4 and IPv6."""
    first, second = Host(), Host("::1")
    yield SimpleNamespace(v4=first, v6=second)
    first.close()
    second.close()


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """The only authority that the gateway trusts."""
    return Authority(tmp_path_factory.mktemp("authority"), "trusted")


@pytest.fixture(scope="session")
def guarded(host, authority, tmp_path_factory):
    """The gateway before the committed pizza model."""
    folder = tmp_path_factory.mktemp("guarded")
    connections = Connections()
    connections.only()
    connections.stand_in(zone.PUBLIC, 80, host.v4.port)
    connections.stand_in(zone.PUBLIC_V6, 80, host.v6.port)
    hosts = []
    for one in TLS_HOSTS:
        hosts.append(Host(tls=context_of(one, authority, folder)))
        connections.stand_in(one.address, 443, hosts[-1].port)
    environment = connections.environment(folder / "refused")
    paths = os.pathsep.join([environment.pop("PYTHONPATH"), str(ROOT / "apps")])
    server = ServerProcess(folder, [f"--model_name={DEFAULT}", f"--model_base_path={MODELS / DEFAULT}"], "litert")
    gateway = Guarded(
        folder / "gateway.log",
        PYTHONPATH=paths,
        GATEWAY_MODEL_SERVER=f"127.0.0.1:{server.grpc_port}",
        GATEWAY_MODELS=DEFAULT,
        GATEWAY_MAX_DECODES="16",  # these tests are not about how many are too many
        GATEWAY_MAX_IN_FLIGHT="16",
        SSL_CERT_FILE=str(authority.ca_file),
        http_proxy="http://10.0.0.1:3128/",
        https_proxy="http://10.0.0.1:3128/",
        **{zone.VARIABLE: "1"},
        **environment,
    )
    gateway.file = folder / "refused"
    deadline = time.monotonic() + 30
    while gateway.call("/readyz")[0] != 200:
        assert time.monotonic() < deadline, (folder / "gateway.log").read_text()
        time.sleep(0.05)
    assert 200 == gateway.fetch("http://pictures.example/good").status  # the first answer of all takes longer
    yield gateway
    assert 0 == gateway.stop(), (folder / "gateway.log").read_text()
    server.stop()
    for one in hosts:
        one.close()
