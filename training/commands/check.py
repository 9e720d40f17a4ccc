"""Compare a model version with its golden pictures in each engine: the skew gate."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

HELP = "compare a model version with its golden pictures in each engine"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("model", type=Path, help="directory of a model version")


def run(arguments: Namespace) -> int:
    """Print the largest difference of each engine; fail where it exceeds what is allowed."""
    from training.artefact import parity

    for name, value in parity.verify(arguments.model).items():
        print(f"{name:12} max |dp| {value:.2e} (allowed {parity.TOLERANCE[name]:g})")
    return 0
