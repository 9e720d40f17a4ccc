"""The console command `gateway`.

Imports little: this is also gunicorn's arbiter, which lives as long as the gateway and needs none of it.
"""

import argparse
import os
import socket
import sys
from collections.abc import Sequence

from gateway.settings import Settings, SettingsError
from gateway.verify import command as verify
from gateway.verify import prove


def main(argv: Sequence[str] | None = None) -> int:
    """Run the subcommand that is asked for. Returns: the exit status."""
    parser = argparse.ArgumentParser(prog="gateway", description="Flask gateway: pictures in, class probabilities out.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serving = commands.add_parser("serve", help="serve HTTP; settings come from GATEWAY_* variables")
    serving.set_defaults(run=serve)
    verifying = commands.add_parser(
        "verify", help="check every pod of a deployment by the goldens; exit status 0 if all is green"
    )
    verify.add_arguments(verifying)
    verifying.set_defaults(run=verify.run)
    proving = commands.add_parser("prove", help="open a port once the model server in this pod answers the goldens")
    prove.add_arguments(proving)
    proving.set_defaults(run=prove.run)
    arguments = parser.parse_args(argv)
    status: int = arguments.run(arguments)
    return status


def serve(_arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT. Returns: 1 with one line on stderr where that cannot begin."""
    # Before NumPy is first imported: OpenBLAS starts a thread with buffers for every core.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        settings = Settings.from_environment(os.environ)
        _refuse_taken(settings.host, settings.port)
    except SettingsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    from gateway.gunicorn_conf import Application

    try:
        Application(settings).run()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _refuse_taken(host: str, port: int) -> None:
    """Bind once for trial: gunicorn would try five times and then say it at length."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise SettingsError(f"GATEWAY_PORT={port} on GATEWAY_HOST={host} cannot be used: {error.strerror}") from None


if __name__ == "__main__":
    sys.exit(main())
