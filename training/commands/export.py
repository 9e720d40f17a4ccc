"""Write a trained run as a model version by contract 1, if every engine answers as training code does."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from training.commands import MODELS

HELP = "write a run as a model version, if it passes the skew gate"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("run", type=Path, help="folder of a finished run, such as runs/pizza")
    parser.add_argument("--models", type=Path, default=MODELS, help="folder of models (%(default)s)")
    parser.add_argument("--version", type=int, help="what it becomes (what the experiment says)")
    parser.add_argument("--replace", action="store_true", help="overwrite a version that is already there")
    parser.add_argument("--any-size", action="store_true", help="allow files above 20 MB; needs --models elsewhere")


def run(arguments: Namespace) -> int:
    """Export and print where the version lies."""
    from training.artefact.export import export
    from training.artefact.writer import update_list_beside

    version = export(
        arguments.run,
        arguments.models,
        version=arguments.version,
        replace=arguments.replace,
        any_size=arguments.any_size,
    )
    print(version)
    update_list_beside(arguments.models)
    return 0
