"""A picture host can send what it likes: the gateway says what is wrong with it, in time, and goes on."""

import pytest

from gateway.fetch import Fetcher, FetchTimeout, HostFailed
from gateway.pictures import NotAPicture
from serving_api.deadline import Deadline
from tests.hostile import zone
from tests.hostile.urls.host import PICTURE, WAYS, Host
from tests.hostile.urls.tls import TLS_HOSTS
from tests.hostile.urls.verdict import verdict

QUICK = (
    "endless-interim",
    "endless-headers",
    "endless-lines",
    "chunks-cut",
    "drip-headers",
    "svg-as-jpeg",
    "gzip-bomb",
)


@pytest.mark.parametrize("way", QUICK)
def test_a_host_that_does_wrong(way, connections):
    """A few of the ways, against the fetcher alone."""
    host = Host()
    connections.only()
    connections.stand_in(zone.PUBLIC, 80, host.port)
    with pytest.raises((FetchTimeout, HostFailed, NotAPicture)):
        Fetcher(10_000_000, resolver=zone.resolve).fetch(f"http://pictures.example/{way}", Deadline.after(0.5))
    host.close()


def test_a_good_host(connections):
    """The host can also do right."""
    host = Host()
    connections.only()
    connections.stand_in(zone.PUBLIC, 80, host.port)
    assert PICTURE == Fetcher(100_000, resolver=zone.resolve).fetch("http://pictures.example/", Deadline.after(5))
    host.close()


@pytest.mark.hostile
@pytest.mark.parametrize("version", [4, 6])
def test_every_way_to_do_wrong(guarded, figures, version):
    """Each has the answer that fits it, within the time, over IPv4 and IPv6."""
    name = "pictures.example" if version == 4 else zone.name(zone.PUBLIC_V6)
    fitting = {f"http://{name}/{way}": statuses for way, (_, statuses) in WAYS.items()} | {
        f"http://{name}/reset": (502,)
    }
    before_s = guarded.cpu_s
    results = guarded.fetch_all(fitting)
    verdict(guarded, figures, f"ways of a hostile host, IPv{version}", results)
    figures.add(f"urls: processor time of a way, IPv{version}", (guarded.cpu_s - before_s) / len(results), "s")
    assert [] == [(one.url, one.status, one.answer) for one in results if one.status not in fitting[one.url]]


@pytest.mark.hostile
def test_tls_is_verified(guarded, figures):
    """Only a certificate of a trusted authority, in time and for the URL's host, opens."""
    fitting = {f"https://{host.name}/good": (host.way, host.statuses) for host in TLS_HOSTS}
    results = guarded.fetch_all(fitting)
    verdict(guarded, figures, "TLS hosts", results)
    assert [] == [(fitting[one.url][0], one.answer) for one in results if one.status not in fitting[one.url][1]]
