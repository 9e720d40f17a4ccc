"""The verbs of `python -m training`, one module each: HELP, `add_arguments`, `run`.

A module of this package is a verb by being here. It imports TensorFlow and the like inside `run`, so that --help, and
verbs that need no TensorFlow, do not wait for it.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from training.config import Config
    from training.pictures import Pictures

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


def add_folds(parser: ArgumentParser) -> None:
    """Declare `--folds`, alike in every verb that cross-validates; `config_with_folds` reads it."""
    parser.add_argument("--folds", type=int, help="models to fit for a judgement (default: what the experiment says)")


def add_cache(parser: ArgumentParser) -> None:
    """Declare `--cache`, alike in every verb."""
    parser.add_argument("--cache", type=Path, default=RUNS / "cache", help="folder for decoded pictures (%(default)s)")


def config_with_folds(arguments: Namespace) -> "Config":
    """Load the experiment that the arguments name, with their `--folds`; raise ConfigError if it makes no sense."""
    from dataclasses import replace

    from training.config import check, load_config

    config = load_config(arguments.config)
    if arguments.folds is not None:
        config = replace(config, folds=arguments.folds)
    check(config)
    return config


def look(arguments: Namespace, config: "Config") -> "Pictures":
    """Audit the pictures that the arguments name, print the report, and give those that may be used.

    Raises: DataError for pictures that cannot be trained on.
    """
    from training.data.audit import audit
    from training.data.datasets import resolve
    from training.pictures import Pictures

    source = resolve(arguments.data, config.dataset)
    audited = audit(source, config.labels, drop=arguments.drop, cache=arguments.cache)
    print(audited.report())
    return Pictures.of(audited.examples, arguments.cache)
