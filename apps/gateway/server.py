"""Serve with uvicorn: one process, one thread for all connections, others for the work."""

import asyncio
import gc
import logging
import resource
import signal
import socket
import sys
from contextlib import ExitStack
from functools import partial

import uvicorn

from gateway.app import ACCESS, METRICS, create_app
from gateway.connections import Connection, Connections
from gateway.front import Front
from gateway.memory import give_back_at_once
from gateway.predictor import open_predictor
from gateway.settings import Settings, SettingsError

_BACKLOG = 2048
_KEEP_ALIVE_S = 75  # longer than the ingress keeps an idle connection, so it is never the gateway that closes
_LINGER_S = 2.0  # before idle connections are closed at the end: for requests that are on their way
_SEND_BUFFER_BYTES = 2**16  # else the kernel would keep megabytes for each client that does not read
_SWITCH_INTERVAL_S = 0.001  # of Python's 0.005
_OTHER_DESCRIPTORS = 1024  # pictures being fetched, the model server, files


log = logging.getLogger(__name__)


class Server(uvicorn.Server):
    """uvicorn that ends in an order in which no request is lost."""

    def __init__(self, config: uvicorn.Config, shared: Connections) -> None:
        super().__init__(config)
        self._shared = shared

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no new connection, let each answer be its connection's last, then close the idle ones and wait."""
        self._shared.closing = True
        for server in self.servers:
            server.close()
        end_s = asyncio.get_running_loop().time() + _LINGER_S
        while self.server_state.connections and asyncio.get_running_loop().time() < end_s:  # noqa: ASYNC110 - a set tells nobody
            await asyncio.sleep(0.05)
        await super().shutdown(sockets)


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, and finish what was begun. Raises: SettingsError, where the port cannot be had."""
    with ExitStack() as open_ports:
        ports = [("GATEWAY_PORT", settings.port)]
        ports += [("GATEWAY_METRICS_PORT", settings.metrics_port)] if settings.metrics_port else []
        listeners = [open_ports.enter_context(_listen(variable, settings.host, port)) for variable, port in ports]
        _allow_descriptors(settings.max_connections + _OTHER_DESCRIPTORS)
        give_back_at_once()
        app = create_app(settings, open_predictor(settings))
        # What is there now stays: a full collection would go through all of it, and hold everybody up meanwhile.
        gc.collect()
        gc.freeze()
        shared = Connections(settings, app.extensions[METRICS])
        config = uvicorn.Config(
            Front(app.wsgi_app, settings, app.extensions[ACCESS].admit),
            http=partial(Connection, shared=shared),  # type: ignore[arg-type]  # a protocol factory is all it is used as
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,  # gateway.request_log has it
            proxy_headers=False,  # gateway.callers decides whom to believe
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=int(settings.timeout_s) + 2,
            h11_max_incomplete_event_size=settings.max_header_bytes,
        )
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # it has a line for each request that is no HTTP
        for listener in listeners:
            log.info("listening on %s port %s", *listener.getsockname()[:2])
        # The thread of the connections has to get its turn soon, whatever the others compute.
        sys.setswitchinterval(_SWITCH_INTERVAL_S)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)  # uvicorn raises the signal again when it has ended
        Server(config, shared).run(listeners)


def _listen(variable: str, host: str, port: int) -> socket.socket:
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        dualstack = family == socket.AF_INET6 and host == "::" and socket.has_dualstack_ipv6()
        listener = socket.create_server(address, family=family, backlog=_BACKLOG, dualstack_ipv6=dualstack)
    except OSError as error:
        raise SettingsError(f"{variable}={port} on GATEWAY_HOST={host} cannot be used: {error.strerror}") from None
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)  # accepted sockets inherit it
    return listener


def _allow_descriptors(wanted: int) -> None:
    """Raise the soft limit of open files, which some systems set as low as 256."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard)
        )
