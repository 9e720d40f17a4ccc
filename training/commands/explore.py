"""Look at a data set as one HTML file: classes, samples, sizes, colours, copies and pictures worth a look."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from training.commands import RUNS, add_cache, add_data, add_drop

HELP = "write a report on a data set as one HTML file"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add_data(parser)
    parser.add_argument("--labels", help="class names, comma-separated, in the order of the model's answers")
    add_drop(parser)
    parser.add_argument("--out", type=Path, help="the file to write (default runs/<name of the data>-data.html)")
    add_cache(parser)


def run(arguments: Namespace) -> int:
    """Write the report and print where it is."""
    from training.data import datasets
    from training.data.explore import explore

    source = datasets.resolve(arguments.data)
    labels = [name.strip() for name in arguments.labels.split(",")] if arguments.labels else None
    out = arguments.out or RUNS / f"{source.resolve().stem}-data.html"
    print(explore(source, out, labels, drop=arguments.drop, cache=arguments.cache))
    return 0
