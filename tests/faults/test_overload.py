"""More requests than can be answered: some are refused at once, the others are answered as usual."""

import asyncio
import os
import time

import aiohttp
import pytest

from tests.faults.conftest import PICTURE
from tests.load import Load

pytestmark = pytest.mark.faults

CLIENTS = 6
FLOOD_S = 30  # the few that are let in before a flood is seen for what it is are late, and have to be few
EXPECTED = {"429", "503"}


def capacity(url, seconds):
    """Count the answers a second that some clients get who each wait for the one before."""
    answers = []

    async def client(session, end_s):
        while time.monotonic() < end_s:
            async with session.post(url, data=PICTURE, headers={"Content-Type": "image/png"}) as response:
                await response.read()
                answers.append(response.status)

    async def clients():
        end_s = time.monotonic() + seconds
        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as tasks:
            for _ in range(CLIENTS):
                tasks.create_task(client(session, end_s))

    asyncio.run(clients())
    return answers.count(200) / seconds


def recovery_s(load):
    """Say when the first two seconds began in which nobody was refused; NaN where there are none."""
    starts = [start / 2 for start in range(20)]
    return next((start for start in starts if not load.between(start, start + 2).failures), float("nan"))


@pytest.fixture(scope="module", autouse=True)
def cores():
    """Let servers start on all cores but one, which is the sender's: what it takes must not count as their time."""
    every = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else [0]
    if 1 == len(every):
        yield every, every
        return
    os.sched_setaffinity(0, every[:-1])
    yield every[:-1], every[-1:]
    os.sched_setaffinity(0, every)


def test_four_times_too_many(cores, serve, figures):
    """Under four times the capacity, nothing but 429 and 503 comes beside good answers, and those come in time."""
    servers, sender = cores
    # As many at a time as apps/gateway/README.md says for the cores of both servers.
    url = f"http://127.0.0.1:{serve(GATEWAY_MAX_IN_FLIGHT=str(2 * len(servers))).port}/predict"
    if servers != sender:
        os.sched_setaffinity(0, sender)
    most = capacity(url, 6)
    figures.add("capacity, closed loop", most, "requests/s")
    with Load(url, PICTURE, most / 2) as usual:
        time.sleep(10)
    with Load(url, PICTURE, 4 * most) as flood:
        time.sleep(FLOOD_S)
    refused = flood.between().failures
    assert not set(refused) - EXPECTED, refused
    with Load(url, PICTURE, most / 2) as after:
        time.sleep(12)
    accepted, p99 = flood.between().sent - sum(refused.values()), usual.between().percentile_s(99)
    figures.add("p99 at half the capacity", 1000 * p99, "ms")
    figures.add("p50 at half the capacity", 1000 * usual.between().percentile_s(50), "ms")
    figures.add("overload: p50 of accepted", 1000 * flood.between().percentile_s(50), "ms")
    figures.add("overload: p90 of accepted", 1000 * flood.between().percentile_s(90), "ms")
    figures.add("overload: accepted", accepted / FLOOD_S / most, "x capacity")
    figures.add("overload: p99 of accepted", flood.between().percentile_s(99) / p99, "x", at_most=2)
    figures.add("overload: two seconds without a refusal after its end", recovery_s(after), "s", at_most=10)
