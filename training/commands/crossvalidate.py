"""Judge a recipe on every picture, each by a model fitted without it; a killed run goes on where it stopped."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from training.commands import RUNS, add_cache, add_data, add_drop, add_folds, config_with_folds, look

HELP = "judge every picture by a model that was fitted without it"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("config", help="name of the experiment, such as pizza")
    add_data(parser, required=False)
    add_folds(parser)
    parser.add_argument("--run", type=Path, help="folder of the folds (default runs/<config>-folds)")
    add_drop(parser)
    add_cache(parser)


def run(arguments: Namespace) -> int:
    """Fit the folds and print the table of all pictures."""
    from training.crossvalidate import crossvalidate
    from training.evaluation.evaluate import table

    config = config_with_folds(arguments)
    pictures = look(arguments, config)
    folder = arguments.run or RUNS / f"{arguments.config}-{config.folds}-folds"
    print(table(crossvalidate(config, pictures, folder)))
    return 0
