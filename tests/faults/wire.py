"""A wire between gateway and model server that a test cuts halfway: connections stay, and nothing comes through."""

import asyncio
import contextlib
import threading

from tests.contract.server_process import free_port


class Wire:
    """A port on this machine that leads to another one.

    Args:
        to_port: where bytes go.
    """

    def __init__(self, to_port: int) -> None:
        self.port = free_port()
        self._to_port = to_port
        self._loop = asyncio.new_event_loop()
        self._flows = [asyncio.Event()]  # of connections made since the last cut; set: bytes pass
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._ready = threading.Event()
        self._thread.start()
        assert self._ready.wait(10)

    def strand(self) -> None:
        """Let the connections that there are pass nothing any more, and stay open; new ones work."""
        self._loop.call_soon_threadsafe(self._strand, True)

    def hold(self) -> None:
        """Likewise, and let new ones connect and pass nothing, until `release`."""
        self._loop.call_soon_threadsafe(self._strand, False)

    def release(self) -> None:
        """Let everything pass that was made since `hold`."""
        self._loop.call_soon_threadsafe(self._flows[-1].set)

    def close(self) -> None:
        """End all of it."""
        self._loop.call_soon_threadsafe(self._end)
        self._thread.join(10)

    def _end(self) -> None:
        for task in (tasks := asyncio.all_tasks(self._loop)):
            task.cancel()
        asyncio.gather(*tasks, return_exceptions=True).add_done_callback(lambda _: self._loop.stop())

    def _strand(self, passes: bool) -> None:
        self._flows[-1].clear()
        self._flows.append(asyncio.Event())
        if passes:
            self._flows[-1].set()

    def _run(self) -> None:
        self._flows[-1].set()
        self._loop.run_until_complete(asyncio.start_server(self._connect, "127.0.0.1", self.port))
        self._ready.set()
        self._loop.run_forever()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        flow = self._flows[-1]
        with contextlib.suppress(OSError, asyncio.CancelledError):
            there, back = await asyncio.open_connection("127.0.0.1", self._to_port)
            await asyncio.gather(self._pump(reader, back, flow), self._pump(there, writer, flow))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, flow: asyncio.Event) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(65536):
                await flow.wait()
                writer.write(chunk)
                await writer.drain()
        writer.close()
