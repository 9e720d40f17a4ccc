"""The console command `gateway`.

Imports little: `gateway verify` needs nothing of the server.
"""

import argparse
import os
import signal
import sys
from collections.abc import Sequence

from gateway import keys, logs
from gateway.settings import Settings, SettingsError
from gateway.verify import command as verify
from gateway.verify import prove


def main(argv: Sequence[str] | None = None) -> int:
    """Run the subcommand that is asked for. Returns: the exit status."""
    parser = argparse.ArgumentParser(prog="gateway", description="Flask gateway: pictures in, class probabilities out.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serving = commands.add_parser("serve", help="serve HTTP; settings come from GATEWAY_* variables")
    serving.set_defaults(run=serve)
    making = commands.add_parser("key", help="make an API key; its line for GATEWAY_API_KEYS_FILE goes to stdout")
    making.add_argument("name", help="whose key it is; the log names it")
    making.set_defaults(run=key)
    verifying = commands.add_parser(
        "verify", help="check every pod of a deployment by the goldens; exit status 0 if all is green"
    )
    verify.add_arguments(verifying)
    verifying.set_defaults(run=verify.run)
    proving = commands.add_parser("prove", help="open a port once the model server in this pod answers the goldens")
    prove.add_arguments(proving)
    proving.set_defaults(run=prove.run)
    arguments = parser.parse_args(argv)
    # As process 1 of a container it would outlive a SIGTERM that it does not handle, until the pod's time is up.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    status: int = arguments.run(arguments)
    return status


def serve(_arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT. Returns: 1 with one line on stderr where that cannot begin."""
    # Before NumPy is first imported: OpenBLAS starts a thread with buffers for every core.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        settings = Settings.from_environment(os.environ)
        logs.configure(settings.log_format, settings.log_level)
        from gateway.server import serve as serve_http

        serve_http(settings)
    except SettingsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def key(arguments: argparse.Namespace) -> int:
    """Make a key: its line to stdout, itself to stderr, as it is kept nowhere. Returns: 1 for a name that is none."""
    try:
        made, line = keys.make_key(arguments.name)
    except keys.KeysError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(made, file=sys.stderr)
    print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
