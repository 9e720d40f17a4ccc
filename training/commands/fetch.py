"""Download a known data set; a download that was interrupted goes on where it stopped."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

HELP = "download a known data set"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the verb's arguments."""
    from training.data.datasets import DATA_SETS, HOME

    known = "; ".join(f"{name}: {d.pictures:,} pictures, {d.origin}, {d.licence}" for name, d in DATA_SETS.items())
    parser.add_argument("name", choices=sorted(DATA_SETS), metavar="NAME", help=known)
    parser.add_argument("--to", type=Path, default=HOME, help="folder of data sets (%(default)s)")


def run(arguments: Namespace) -> int:
    """Download, and print where the pictures lie and how many there are."""
    from training import data
    from training.data import datasets

    folder = datasets.fetch(arguments.name, arguments.to)
    examples, labels = data.scan(folder, datasets.DATA_SETS[arguments.name].labels)
    print(f"{folder}: {len(examples):,} pictures of {len(labels)} classes")
    return 0
