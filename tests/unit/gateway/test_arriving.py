"""Rules of bodies on their way in: what all of them hold together."""

import pytest

from gateway.arriving import Body, Buffers
from gateway.problems import Problem
from gateway.settings import Settings
from tests import loop

SETTINGS = Settings(max_buffered_bytes=2**20)


def test_a_refused_body_makes_room_before_it_is_heard_out():
    """What a refused body held is given back before its client is heard out, and once only."""
    held = []

    async def receive():
        held.append(buffers.held_bytes)
        return {"type": "http.request", "body": bytes(2**18), "more_body": len(held) < 8}

    async def refuse():
        body = Body(receive, SETTINGS, buffers, 2**30, asks_first=False)
        with pytest.raises(Problem, match="at once"):
            await body.read()
        await body.hear_out()
        body.release()

    buffers = Buffers()
    loop.run(refuse())
    assert [0, 2**18, 2 * 2**18, 3 * 2**18, 2**20, 0, 0, 0] == held
    assert 0 == buffers.held_bytes
