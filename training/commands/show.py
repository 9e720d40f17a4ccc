"""Print what a model version says of itself: signatures, labels, card, goldens and files; no TensorFlow is loaded."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from training.commands import MODELS

HELP = "print a model's signatures, labels, card, goldens and files"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("model", help="name of a model, such as pizza, or the directory of a version")
    parser.add_argument("--version", type=int, help="its version (the newest)")
    parser.add_argument("--models", type=Path, default=MODELS, help="folder of models (%(default)s)")


def run(arguments: Namespace) -> int:
    """Print the version's description."""
    from training.artefact.show import describe, find_version

    print(describe(find_version(arguments.model, arguments.version, arguments.models)))
    return 0
