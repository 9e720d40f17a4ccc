"""A gateway is replaced under load, as a Deployment does it."""

import asyncio
import contextlib
import signal
import threading
import time

import pytest

from tests.faults.conftest import PICTURE
from tests.load import Load

RATE = 10.0
PRE_STOP_S = 1.0  # five in base/gateway/deployment.yaml, where endpoints take longer to be forgotten


class Service:
    """A port whose new connections go to the gateway at `leads_to`; old ones stay, as they do in a cluster."""

    def __init__(self, port):
        self.leads_to = port
        loop = asyncio.new_event_loop()  # in a thread of its own: a browser test may have left one running in this
        threading.Thread(target=loop.run_forever, daemon=True).start()
        listening = asyncio.start_server(self._connect, "127.0.0.1", 0)
        self._server = asyncio.run_coroutine_threadsafe(listening, loop).result(10)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _connect(self, reader, writer):
        to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self.leads_to)
        await asyncio.gather(self._copy(reader, to_writer), self._copy(to_reader, writer), return_exceptions=True)

    async def _copy(self, reader, writer):
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()


@pytest.mark.parametrize("keep_alive", [False, True], ids=["connection-a-request", "kept-connections"])
def test_a_rolling_update_loses_no_request(serve, keep_alive):
    """New connections go to the new gateway, the old one finishes, and every request is answered."""
    old, new = serve(), serve()
    service = Service(old.port)
    with Load(f"http://127.0.0.1:{service.port}/predict", PICTURE, RATE, keep_alive=keep_alive) as load:
        time.sleep(2.0)
        service.leads_to = new.port
        time.sleep(PRE_STOP_S)
        old.process.send_signal(signal.SIGTERM)
        assert 0 == old.process.wait(20)
        time.sleep(2.0)
    answers = load.between()
    assert answers.sent > 4.0 * RATE
    assert not answers.failures
