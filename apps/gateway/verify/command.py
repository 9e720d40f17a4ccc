"""The arguments of `gateway verify` and its course: rounds of checks until two in a row are green, or time is up.

Imports little, for the same reason as `gateway.cli`.
"""

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from gateway.verify.options import add_expectation, read_expectation


def add_arguments(parser: argparse.ArgumentParser, environment: Mapping[str, str] = os.environ) -> None:
    """Add the options; those that a manifest sets can come from the environment."""
    options = {
        "--gateways": ("gateway-pods:9696", "NAME:PORT whose every address is a gateway"),
        "--model-servers": ("model-server-pods:8500", "NAME:PORT whose every address is a model server, gRPC"),
        "--service": ("http://gateway", "address by which clients reach the gateways"),
        "--commit": ("", "commit that every gateway must be built from; empty: one for all"),
        "--revision": (
            environment.get("VERIFY_REVISION", ""),
            "commit that every gateway was deployed by; empty: one",
        ),
        "--image": (environment.get("GATEWAY_IMAGE", ""), "image that every gateway must tell; empty: one for all"),
    }
    for option, (default, words) in options.items():
        parser.add_argument(option, default=default, help=f"{words} (%(default)s)")
    parser.add_argument(
        "--key-file",
        type=Path,
        default=environment.get("VERIFY_KEY_FILE") or None,
        help="file that holds an API key for --service; one that is not there is none (%(default)s)",
    )
    parser.add_argument(
        "--replicas",
        action="append",
        default=[],
        type=_replicas,
        metavar="NAME=N",
        help="at least so many: gateway=5, model-server=2",
    )
    add_expectation(parser, environment)


def run(arguments: argparse.Namespace) -> int:
    """Verify. Returns: 0 if everything is green, 1 with the reasons otherwise."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # see gateway.cli
    from gateway.settings import SettingsError
    from gateway.tls import read_tls
    from gateway.verify.deployment import Deployment
    from gateway.verify.expected import ExpectationError
    from gateway.verify.gateways import Version
    from gateway.verify.report import Report
    from gateway.verify.rounds import until_green
    from serving_api.deadline import Deadline

    deadline = Deadline.after(arguments.timeout_s)
    try:
        settings, expected = read_expectation(arguments)
        deployment = Deployment(
            gateways=arguments.gateways,
            model_servers=arguments.model_servers,
            service=arguments.service,
            wanted=Version(commit=arguments.commit, revision=arguments.revision, image=arguments.image),
            replicas=dict(arguments.replicas),
            models=expected,
            foreign=settings.foreign_models or {},
            tls=read_tls(settings),
            key=_key(arguments.key_file),
        )
    except (SettingsError, ExpectationError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    report = Report()
    green = until_green(deployment.round, report, deadline)
    report.end(green=green, limit_s=arguments.timeout_s)
    return 0 if green else 1


def _key(path: Path | None) -> str:
    return path.read_text(encoding="ascii").strip() if path is not None and path.is_file() else ""


def _replicas(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    if name not in {"gateway", "model-server"} or not (number.isascii() and number.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is not gateway=N or model-server=N")
    return name, int(number)
