"""Serve every bundled model on this machine: the embedded model server behind the gateway, no container or cluster."""

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

from tools.models import MODELS, bundled_models, write_model_config

READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 15.0


class Stopped(Exception):  # noqa: N818 - not an error: the person pressed Ctrl-C
    """A signal asked for the end."""


class RunError(Exception):
    """Something that a person must mend; its text is the whole message."""


def main(argv: Sequence[str] | None = None) -> int:
    """Start both servers, wait until they answer, and stop both on Ctrl-C. Returns: the exit status."""
    arguments = _parser().parse_args(argv)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    servers: list[subprocess.Popen[bytes]] = []
    try:
        _serve(arguments, servers)
    except Stopped:
        print("\nstopping", flush=True)
    except RunError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C does not cut the stop short
        # The gateway first, so that no request meets a model server that is gone.
        for server in reversed(servers):
            _end(server)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make run", description=__doc__)
    parser.add_argument("--port", type=int, default=9696, help="the gateway's HTTP port (%(default)s)")
    parser.add_argument("--grpc-port", type=int, default=8500, help="the model server's gRPC port (%(default)s)")
    parser.add_argument("--rest-port", type=int, default=8501, help="the model server's REST port (%(default)s)")
    parser.add_argument("--models", type=Path, default=MODELS, help="folder of model folders (%(default)s)")
    parser.add_argument("--open", action="store_true", help="open the page in a browser")
    return parser


def _serve(arguments: argparse.Namespace, servers: list[subprocess.Popen[bytes]]) -> None:
    names = bundled_models(arguments.models)
    if not names:
        raise RunError(f"no model in {arguments.models}: a model is a folder NAME/VERSION with a saved_model.pb")
    for variable in ("PORT", "GRPC_PORT", "REST_PORT"):
        _refuse_taken(variable, getattr(arguments, variable.lower()))
    with tempfile.TemporaryDirectory(prefix="model-server-") as folder:
        config = Path(folder) / "models.config"
        write_model_config(config, names, arguments.models.resolve())
        servers.append(_start("model_server.main", _model_server_flags(arguments, config), {}))
        # Both start at once: the gateway waits for no model, it answers 503 until there is one.
        servers.append(_start("gateway.cli", ["serve"], _gateway_environment(arguments, names)))
        page = f"http://localhost:{arguments.port}"
        _wait("the gateway to answer", lambda: _answers(f"{page}/readyz"), servers)
        print(f"Serving {', '.join(names)} on {page}  (Ctrl-C stops)", flush=True)
        if arguments.open:
            webbrowser.open(page)
        while True:
            _check(servers)
            time.sleep(0.5)


def _model_server_flags(arguments: argparse.Namespace, config: Path) -> list[str]:
    return [
        f"--port={arguments.grpc_port}",
        f"--rest_api_port={arguments.rest_port}",
        f"--model_config_file={config}",
        "--enable_batching",
        "--max_num_load_retries=0",  # a broken model is said at once, not after five minutes
    ]


def _gateway_environment(arguments: argparse.Namespace, names: Sequence[str]) -> dict[str, str]:
    return {
        "GATEWAY_MODEL_SERVER": f"localhost:{arguments.grpc_port}",
        "GATEWAY_MODELS": os.environ.get("GATEWAY_MODELS", ",".join(names)),
        "GATEWAY_HOST": os.environ.get("GATEWAY_HOST", "127.0.0.1"),  # a laptop is not a public server
        "GATEWAY_PORT": str(arguments.port),
        "GATEWAY_LOG_FORMAT": os.environ.get("GATEWAY_LOG_FORMAT", "text"),  # read by a person
        "GATEWAY_LOG_LEVEL": os.environ.get("GATEWAY_LOG_LEVEL", "warning"),
    }


def _refuse_taken(variable: str, port: int) -> None:
    # Asked with connect and with bind: a listener on 0.0.0.0 and one on localhost are both in the way.
    with socket.socket() as probe:
        probe.settimeout(0.5)
        taken = probe.connect_ex(("127.0.0.1", port)) == 0
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            taken = True
    if taken:
        hint = f"make run {variable}={port + 1}"
        raise RunError(f"port {port} is taken by another program: stop it, or choose another: {hint}")


def _start(module: str, arguments: Sequence[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    # A session of its own: Ctrl-C reaches this program only, which then stops both in order.
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments], env={**os.environ, **environment}, start_new_session=True
    )


def _wait(what: str, done: Callable[[], bool], servers: Sequence[subprocess.Popen[bytes]]) -> None:
    end_s = time.monotonic() + READY_TIMEOUT_S
    while not done():
        _check(servers)
        if time.monotonic() > end_s:
            raise RunError(f"waited {READY_TIMEOUT_S:.0f} s for {what}; the servers' own words are above")
        time.sleep(0.05)


def _check(servers: Sequence[subprocess.Popen[bytes]]) -> None:
    for server in servers:
        if (status := server.poll()) is not None:
            raise RunError(f"{_name(server)} ended with status {status}; its own words are above")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2.0):  # noqa: S310 - our own http address
            return True
    except (urllib.error.URLError, OSError):
        return False


def _end(server: subprocess.Popen[bytes]) -> None:
    if server.poll() is None:
        server.terminate()
        try:
            server.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            print(f"{_name(server)} did not stop within {STOP_TIMEOUT_S:.0f} s: killed", file=sys.stderr)
            server.kill()
            server.wait()


def _name(server: subprocess.Popen[bytes]) -> str:
    return "the model server" if "model_server.main" in server.args else "the gateway"  # type: ignore[operator]


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise Stopped


if __name__ == "__main__":
    sys.exit(main())
