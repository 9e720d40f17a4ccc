"""Leave out the ingredients of a recipe one by one, cross-validated on the same folds: what pays, and what does not."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from training.commands import RUNS, add_cache, add_data

HELP = "leave out a recipe's ingredients one by one"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("config", help="name of the experiment, such as pizza")
    add_data(parser, required=False)
    parser.add_argument("--folds", type=int, help="models to fit a variant (default: what the experiment says)")
    parser.add_argument("--only", default="", help="variants to try, separated by commas, such as 'no teacher'")
    parser.add_argument("--drop", help="file that lists pictures to leave out, or auto")
    parser.add_argument("--run", type=Path, help="folder of the run (default runs/<config>-ablation)")
    parser.add_argument("--report", type=Path, help="write the result as an HTML page as well")
    add_cache(parser)


def run(arguments: Namespace) -> int:
    """Print one row a variant; write the page where one is asked for."""
    from dataclasses import replace

    from training.ablation import ablate, table
    from training.config import check, load_config
    from training.data.audit import audit
    from training.data.datasets import resolve
    from training.pictures import Pictures

    config = load_config(arguments.config)
    if arguments.folds is not None:
        config = replace(config, folds=arguments.folds)
    check(config)
    source = resolve(arguments.data, config.dataset)
    audited = audit(source, config.labels, drop=arguments.drop, cache=arguments.cache)
    print(audited.report())
    only = [name.strip() for name in arguments.only.split(",") if name.strip()]
    folder = arguments.run or RUNS / f"{arguments.config}-ablation"
    rows = ablate(config, Pictures.of(audited.examples, arguments.cache), folder, only)
    print(f"\n{table(rows)}")
    if arguments.report:
        from training.report.ablation import write

        print(write(rows, config, len(audited.examples), arguments.report))
    return 0
