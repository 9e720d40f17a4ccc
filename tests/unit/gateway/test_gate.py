"""Rules of the gate before the threads."""

import asyncio
import threading

import pytest

from gateway import gate as module
from gateway.gate import Gate
from gateway.problems import Problem
from tests import loop


def run(scenario):
    """Run a coroutine function with a time limit."""
    return loop.run(asyncio.wait_for(scenario(), 20))


def test_first_come_first_served(monkeypatch):
    """As many as the limit are let in, others in order as these leave, and beyond the room nobody waits."""
    monkeypatch.setattr(module, "_JAM_S", 10.0)

    async def scenario():
        gate, order = Gate(2, 2), []

        async def enter(number):
            await gate.enter()
            order.append(number)

        tasks = [asyncio.create_task(enter(number)) for number in range(4)]
        await asyncio.sleep(0.01)
        assert [0, 1] == order
        with pytest.raises(Problem, match="Too many requests"):
            await gate.enter()
        for _ in range(2):
            gate.leave()
        await asyncio.gather(*tasks)
        assert [0, 1, 2, 3] == order
        for _ in range(2):
            gate.leave()
        assert (0, 0) == (gate._working, len(gate._queue))

    run(scenario)


def test_in_a_jam_the_last_goes_first(monkeypatch):
    """A queue that has lasted for a while is served from its end, by half as many."""
    monkeypatch.setattr(module, "_JAM_S", 0.02)

    async def scenario():
        gate, order = Gate(2, 8, jam_limit=1), []

        async def enter(number):
            await gate.enter()
            order.append(number)

        tasks = []
        for number in range(6):
            tasks.append(asyncio.create_task(enter(number)))
            await asyncio.sleep(0.01)
        assert [0, 1] == order
        gate.leave()
        await asyncio.sleep(0)
        assert ([0, 1], 1) == (order, gate._working)
        for last in (5, 4, 3, 2):
            gate.leave()
            await asyncio.sleep(0)
            assert last == order[-1]
        await asyncio.gather(*tasks)

    run(scenario)


def test_after_a_jam_the_gate_opens_step_by_step(monkeypatch):
    """A flood that pauses and comes again finds as many places as in its jam, and more only later."""
    monkeypatch.setattr(module, "_JAM_S", 0.01)

    async def scenario():
        gate, tasks = Gate(6, 100, jam_limit=1), []

        async def flood(count):
            tasks.extend(asyncio.create_task(gate.enter()) for _ in range(count))
            await asyncio.sleep(0)

        await flood(7)
        await asyncio.sleep(0.02)
        await flood(1)
        while gate._working:
            gate.leave()
            await asyncio.sleep(0)
        monkeypatch.setattr(module, "_JAM_S", 10.0)
        for ramp_s, let_in in ((60.0, {1}), (0.3, {2, 3, 4, 5}), (0.01, {6})):
            monkeypatch.setattr(module, "_RAMP_S", ramp_s)
            await asyncio.sleep(0.3)
            await flood(10)
            assert gate._working in let_in
            while gate._working:
                gate.leave()
                await asyncio.sleep(0)
        await asyncio.gather(*tasks)

    run(scenario)


def test_patience_ends(monkeypatch):
    """Who is not let in soon is refused, and takes no place afterwards."""
    monkeypatch.setattr(module, "_BURST_S", 0.05)

    async def scenario():
        gate = Gate(1, 8)
        await gate.enter()
        waits = [gate.enter() for _ in range(5)]
        refused = await asyncio.gather(*waits, return_exceptions=True)
        assert ["over-capacity"] * 5 == [one.kind.name for one in refused]
        gate.leave()
        await gate.enter()
        assert 1 == gate._working

    run(scenario)


def test_no_place_is_lost_between_patience_and_turn(monkeypatch):
    """Where turn and end of patience come together, a place is either used or given on."""
    monkeypatch.setattr(module, "_BURST_S", 0.0)

    async def scenario():
        gate, refused = Gate(3, 1000), 0

        async def visit(number):
            nonlocal refused
            try:
                await gate.enter()
            except Problem:
                refused += 1
                return
            await asyncio.sleep(0.02 + number % 7 / 1000)
            gate.leave()

        for _ in range(5):
            await asyncio.gather(*(visit(number) for number in range(60)))
        assert (0, True) == (gate._working, 0 < refused < 300)
        assert not [turn for turn in gate._queue if not turn.done()]

    run(scenario)


def test_who_rests_lets_others_in():
    """While a thread's request rests, the next is let in; afterwards both count."""

    async def scenario():
        gate, rests, goes_on = Gate(1, 1), threading.Event(), threading.Event()
        await gate.enter()

        def work():
            with gate.resting():
                rests.set()
                goes_on.wait(10)

        thread = asyncio.create_task(asyncio.to_thread(work))
        await asyncio.to_thread(rests.wait, 10)
        await gate.enter()
        goes_on.set()
        await thread
        await asyncio.sleep(0.05)
        assert 2 == gate._working

    run(scenario)
