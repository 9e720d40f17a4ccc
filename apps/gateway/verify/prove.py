"""`gateway prove`: hold a model server to its goldens before it gets traffic, then say so by an open port.

Runs in the model server's pod, beside it. A pod is ready when all its containers are, so one whose models do not load,
lack a label or answer wrongly never gets a request, and the pods before it stay.
"""

import argparse
import os
import sys
import time
from collections.abc import Mapping

from gateway.verify.options import add_expectation, read_expectation

_PAUSE_S = 1.0


def add_arguments(parser: argparse.ArgumentParser, environment: Mapping[str, str] = os.environ) -> None:
    """Add the options."""
    parser.add_argument("--model-server", default="127.0.0.1:8500", help="HOST:PORT of its gRPC (%(default)s)")
    parser.add_argument("--port", type=int, default=8510, help="opened once all is proved (%(default)s)")
    add_expectation(parser, environment)


def run(arguments: argparse.Namespace) -> int:
    """Prove, then wait with the port open. Returns: 1 with the reason where there is no proof."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # see gateway.cli
    from gateway.settings import SettingsError
    from gateway.verify.checks import run_all
    from gateway.verify.expected import ExpectationError
    from gateway.verify.model_servers import check_model_server
    from serving_api.deadline import Deadline

    deadline = Deadline.after(arguments.timeout_s)
    try:
        settings, models = read_expectation(arguments)
    except (SettingsError, ExpectationError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1

    def check() -> str:
        return check_model_server(arguments.model_server, models, settings.foreign_models or {}, deadline)

    said = ""
    while True:
        result = run_all({"proof": check}, deadline)["proof"]
        if result.words != said:
            said = result.words
            sys.stdout.write(f"{'proved' if result.green else 'not yet'}: {said}\n")
            sys.stdout.flush()
        if result.green:
            # In the place of this program, which holds NumPy, Pillow and gRPC that nobody needs any more.
            os.execv(sys.executable, [sys.executable, "-m", "gateway.verify.proved", str(arguments.port)])  # noqa: S606
        if deadline.expired:
            sys.stderr.write(f"error: no proof within {arguments.timeout_s:g} s: {said}\n")
            return 1
        time.sleep(min(_PAUSE_S, max(deadline.remaining_s(), 0.0)))
