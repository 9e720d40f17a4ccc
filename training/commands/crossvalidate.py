"""Judge a recipe on every picture, each by a model fitted without it; a killed run goes on where it stopped."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from training.commands import RUNS, add_cache, add_data

HELP = "judge every picture by a model that was fitted without it"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("config", help="name of the experiment, such as pizza")
    add_data(parser)
    parser.add_argument("--folds", type=int, default=5, help="models to fit (%(default)s)")
    parser.add_argument("--run", type=Path, help="folder of the folds (default runs/<config>-folds)")
    add_cache(parser)


def run(arguments: Namespace) -> int:
    """Fit the folds and print the table of all pictures."""
    from training.config import load_config
    from training.crossvalidate import crossvalidate
    from training.evaluate import table

    folder = arguments.run or RUNS / f"{arguments.config}-folds"
    config = load_config(arguments.config)
    print(table(crossvalidate(config, arguments.data, arguments.folds, folder, arguments.cache)))
    return 0
