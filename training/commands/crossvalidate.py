"""Judge a recipe on every picture, each by a model fitted without it; a killed run goes on where it stopped."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from training.commands import RUNS, add_cache, add_data, add_drop

HELP = "judge every picture by a model that was fitted without it"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("config", help="name of the experiment, such as pizza")
    add_data(parser, required=False)
    parser.add_argument("--folds", type=int, help="models to fit (default: what the experiment says)")
    parser.add_argument("--run", type=Path, help="folder of the folds (default runs/<config>-folds)")
    add_drop(parser)
    add_cache(parser)


def run(arguments: Namespace) -> int:
    """Fit the folds and print the table of all pictures."""
    from dataclasses import replace

    from training.config import check, load_config
    from training.crossvalidate import crossvalidate
    from training.data.audit import audit
    from training.data.datasets import resolve
    from training.evaluation.evaluate import table
    from training.pictures import Pictures

    config = load_config(arguments.config)
    if arguments.folds is not None:
        config = replace(config, folds=arguments.folds)
    check(config)
    audited = audit(resolve(arguments.data, config.dataset), config.labels, drop=arguments.drop, cache=arguments.cache)
    print(audited.report())
    folder = arguments.run or RUNS / f"{arguments.config}-{config.folds}-folds"
    print(table(crossvalidate(config, Pictures.of(audited.examples, arguments.cache), folder)))
    return 0
