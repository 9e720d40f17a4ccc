"""Clients and picture hosts that are slow, hundreds at a time: others are served as before."""

import asyncio
import contextlib
import json
import socketserver
import threading
import time

import aiohttp
import pytest

from tests.faults.conftest import PICTURE
from tests.load import Load
from tests.slow_clients import SlowClients

pytestmark = pytest.mark.faults

RATE = 5.0  # of the good clients, requests a second
SLOW, SECONDS = 500, 60
HOSTS, LIMIT_S = 100, 5.5


class SlowHost(socketserver.BaseRequestHandler):
    """A picture's host that sends a byte a second, for ever."""

    def handle(self):
        self.request.recv(4096)
        self.request.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: 100000\r\n\r\n\xff\xd8\xff"
        )
        with contextlib.suppress(OSError):
            while True:
                self.request.sendall(b"\0")
                time.sleep(1.0)


@pytest.fixture
def slow_host():
    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        request_queue_size = 2 * HOSTS

    with Server(("127.0.0.1", 0), SlowHost) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/picture.jpg"
        server.shutdown()


def good(url, seconds, keep_alive=False):
    """Ask as good clients do. Returns: what became of it."""
    with Load(url, PICTURE, RATE, keep_alive=keep_alive) as load:
        time.sleep(seconds)
    return load.between()


@pytest.mark.parametrize(("readers", "writers"), [(SLOW, SLOW)])
def test_slow_clients_hold_nobody_up(serve, figures, readers, writers):
    """While hundreds send and read a few bytes a second, good clients get their answers."""
    gateway = serve()
    url = f"http://127.0.0.1:{gateway.port}/predict"
    alone = good(url, SECONDS / 3)
    with SlowClients(gateway.port, readers=readers, writers=writers) as slow:
        beside = good(url, SECONDS)
    again = good(url, SECONDS / 3)
    assert not alone.failures + beside.failures + again.failures
    assert not slow.counts.get("500")
    name, p99 = f"{readers} slow readers, {writers} writers", max(alone.percentile_s(99), again.percentile_s(99))
    figures.add("good clients alone: p99", 1000 * p99, "ms")
    figures.add(f"{name}: good clients' p50", 1000 * beside.percentile_s(50), "ms")
    figures.add(f"{name}: good clients' p99", beside.percentile_s(99) / p99, "x", at_most=2)
    figures.add(f"{name}: cut off", slow.counts.get("cut off", 0), "times")


def test_slow_picture_hosts_hold_nobody_up(serve, figures, slow_host):
    """A hundred pictures at once from a host that drips are given up in time, and good clients get their answers."""
    url = f"http://127.0.0.1:{serve(GATEWAY_ALLOW_LOOPBACK_URLS='1').port}/predict"
    outcomes = []

    async def ask(session):
        began_s = time.monotonic()
        async with session.post(url, json={"url": slow_host}) as response:
            problem = json.loads(await response.read())
            outcomes.append((response.status, problem["type"].rpartition(":")[2], time.monotonic() - began_s))

    async def ask_all():
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as session, asyncio.TaskGroup() as tasks:
            for _ in range(HOSTS):
                tasks.create_task(ask(session))

    alone = good(url, 15)
    rounds = 3
    with Load(url, PICTURE, RATE) as load:
        for _ in range(rounds):
            asyncio.run(ask_all())
    beside = load.between()
    assert not alone.failures + beside.failures
    assert {(504, "out-of-time")} == {outcome[:2] for outcome in outcomes}
    assert rounds * HOSTS == len(outcomes)
    name = f"{HOSTS} slow picture hosts"
    figures.add(f"{name}: longest until 504", max(took_s for *_, took_s in outcomes), "s", at_most=LIMIT_S)
    figures.add(f"{name}: good clients' p99", beside.percentile_s(99) / alone.percentile_s(99), "x", at_most=2)
