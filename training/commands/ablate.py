"""Leave out the ingredients of a recipe one by one, cross-validated on the same folds: what pays, and what does not."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from training.commands import RUNS, add_cache, add_data, add_drop, add_folds, config_with_folds, look

HELP = "leave out a recipe's ingredients one by one"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("config", help="name of the experiment, such as pizza")
    add_data(parser, required=False)
    add_folds(parser)
    parser.add_argument("--only", default="", help="variants to try, separated by commas, such as 'no teacher'")
    add_drop(parser)
    parser.add_argument("--run", type=Path, help="folder of the run (default runs/<config>-ablation)")
    parser.add_argument("--report", type=Path, help="write the result as an HTML page as well")
    add_cache(parser)


def run(arguments: Namespace) -> int:
    """Print one row a variant; write the page where one is asked for."""
    from training.ablation import ablate, table

    config = config_with_folds(arguments)
    pictures = look(arguments, config)
    only = [name.strip() for name in arguments.only.split(",") if name.strip()]
    folder = arguments.run or RUNS / f"{arguments.config}-ablation"
    rows = ablate(config, pictures, folder, only)
    print(f"\n{table(rows)}")
    if arguments.report:
        from training.report.ablation import write

        print(write(rows, config, len(pictures), arguments.report))
    return 0
