"""The verbs of `python -m training`, one module each: HELP, `add_arguments`, `run`.

A module of this package is a verb by being here. It imports TensorFlow and the like inside `run`, so that --help, and
verbs that need no TensorFlow, do not wait for it.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Protocol, cast

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "apps" / "model-server" / "models"
RUNS = ROOT / "runs"


class Command(Protocol):
    """What a module of this package offers."""

    HELP: str

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the verb's arguments."""

    def run(self, arguments: Namespace) -> int:
        """Do the work; return the exit status. Raise ValueError or OSError with a sentence for the user."""


def commands() -> Mapping[str, Command]:
    """Import every verb, by name; a module `new_` is the verb `new` (a trailing underscore avoids Python's words)."""
    names = [module.name for module in iter_modules(__path__)]
    return {name.rstrip("_"): cast("Command", import_module(f"{__name__}.{name}")) for name in names}


def add_data(parser: ArgumentParser, *, required: bool = True) -> None:
    """Declare `--data`, alike in every verb; `training.data.datasets.resolve` turns it into a path."""
    from training.data.datasets import DATA_SETS

    text = "folder with one folder of pictures per class, CSV file (columns file, label), or name of a known data set"
    parser.add_argument("--data", required=required, help=f"{text} ({', '.join(DATA_SETS)})")


def add_drop(parser: ArgumentParser) -> None:
    """Declare `--drop`, alike in every verb that looks at pictures before it uses them."""
    text = "list of files to leave out, or 'auto' for all that would be refused"
    parser.add_argument("--drop", metavar="FILE", help=text)


def add_cache(parser: ArgumentParser) -> None:
    """Declare `--cache`, alike in every verb."""
    parser.add_argument("--cache", type=Path, default=RUNS / "cache", help="folder for decoded pictures (%(default)s)")
