"""Search for better settings of an experiment: learning rate, inner layer, dropout, augmentation, size, backbone.

Each try is fitted on the train split and judged on the validation split; the test split is never looked at. The study
is kept in SQLite: the same command goes on with it after a kill, and a larger --trials adds to it.
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from training.commands import RUNS, add_cache, add_data, add_drop, look

HELP = "search for better settings of an experiment"
_SPACE, _FAST_SPACE = "learning-rate,inner-layer,dropout,augmentation", "learning-rate,inner-layer,dropout"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("config", help="name of the experiment, such as pizza")
    add_data(parser, required=False)
    add_drop(parser)
    parser.add_argument("--trials", type=int, default=20, help="tries in all, earlier ones included (%(default)s)")
    parser.add_argument(
        "--space",
        help="what varies, separated by commas: learning-rate, inner-layer, dropout, augmentation, size, backbone; "
        f"each may say its choices or range, as in size=192|224,dropout=0..0.5 ({_SPACE}; with --fast {_FAST_SPACE})",
    )
    parser.add_argument("--fast", action="store_true", help="leave the backbone frozen: seconds a try, for the head")
    parser.add_argument("--minutes", type=float, help="begin no further try after this time")
    parser.add_argument("--study", type=Path, help="SQLite file of the study (default runs/<config>-tune/study.db)")
    add_cache(parser)


def run(arguments: Namespace) -> int:
    """Search, print the best try as a difference of experiments, and write it with a page of plots."""
    from training.config import load_config
    from training.tuning import page, result, study

    config = load_config(arguments.config)
    if arguments.trials < 1:
        raise study.TuneError(f"--trials {arguments.trials}: at least 1 is needed.")
    database = arguments.study or RUNS / f"{arguments.config}-tune" / ("fast.db" if arguments.fast else "study.db")
    search = study.open_search(
        config,
        look(arguments, config),
        arguments.space or (_FAST_SPACE if arguments.fast else _SPACE),
        frozen=arguments.fast,
        folder=database.parent,
        database=database,
    )
    print(f"{database}: " + "; ".join(str(dimension) for dimension in search.space.dimensions), flush=True)
    study.run(search, arguments.trials, arguments.minutes)
    result.write(search, arguments.config, database.parent)
    page.write(search, arguments.config, database.parent / result.REPORT_FILE)
    print(f"\n{result.summary(search, arguments.config, database.parent)}")
    return 0
