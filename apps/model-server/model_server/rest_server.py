"""Serve a WSGI application with waitress, and stop without losing an answer.

waitress itself has no graceful stop: here its loop runs on until the calls that were begun are answered and sent.
"""

import errno
import logging
import socket
import threading
import time

import waitress.server
from flask import Flask
from waitress import wasyncore

MAX_BODY_BYTES = 64 * 1024 * 1024
_MAX_CONNECTIONS = 1000
_LOOP_S = 0.5  # how long the loop may sleep before it looks at idle connections and at the end of its grace


class RestServer:
    """An HTTP server in a thread of its own.

    Args:
        app: what answers.
        port: TCP port on all addresses, IPv6 too where the machine has it; 0 chooses a free one.
        threads: calls that are worked on at the same time.
    Raises: OSError if the port is taken.
    """

    def __init__(self, app: Flask, port: int, threads: int) -> None:
        # Deep queues are this server's normal state under load, not worth a line for each call.
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)
        listener = _listen(port)
        self.port: int = listener.getsockname()[1]
        self._map: dict[int, object] = {}
        self._server = waitress.server.create_server(
            app,
            map=self._map,
            sockets=[listener],
            threads=threads,
            ident=None,
            max_request_body_size=MAX_BODY_BYTES,
            # Beyond these, waitress would write to temporary files, and the root file system is read-only.
            inbuf_overflow=MAX_BODY_BYTES + 1,
            outbuf_overflow=MAX_BODY_BYTES + 1,
            connection_limit=_MAX_CONNECTIONS,
            asyncore_use_poll=True,
        )
        self._thread = threading.Thread(target=self._loop, name="rest", daemon=True)
        self._stop_at_s: float | None = None

    def start(self) -> None:
        """Answer calls from now on."""
        self._thread.start()

    def stop(self, grace_s: float = 10.0) -> None:
        """Refuse new connections, finish the calls that were begun, and return.

        Args:
            grace_s: calls that are not finished by then are cut off, seconds.
        """
        self._stop_at_s = time.monotonic() + grace_s
        if self._thread.is_alive():
            self._server.pull_trigger()
            self._thread.join()
        else:
            self._close()

    def _loop(self) -> None:
        listening = True
        while True:
            wasyncore.loop(timeout=_LOOP_S, use_poll=True, map=self._map, count=1)
            if self._stop_at_s is None:
                continue
            if listening:
                wasyncore.dispatcher.close(self._server)  # the listener alone: the trigger still wakes the loop
                listening = False
            if not self._busy() or time.monotonic() > self._stop_at_s:
                return self._close()

    def _busy(self) -> bool:
        """Tell whether a call is being received, answered or sent."""
        return any(
            channel.request or channel.requests or channel.total_outbufs_len
            for channel in list(self._server.active_channels.values())
        )

    def _close(self) -> None:
        self._server.task_dispatcher.shutdown(timeout=1)
        wasyncore.close_all(self._map)


def _listen(port: int) -> socket.socket:
    if socket.has_dualstack_ipv6():
        try:
            return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL:  # IPv6 is compiled in, and switched off
                raise
    return socket.create_server(("", port))
