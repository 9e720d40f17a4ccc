"""Copy the pictures of an experiment to a folder of their own, so that later steps see what the first one saw."""

import os
import shutil
from argparse import ArgumentParser, Namespace
from contextlib import suppress
from pathlib import Path

from training.commands import add_data

HELP = "copy an experiment's pictures to a folder of their own"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("config", help="name of the experiment, such as fashion-mnist")
    add_data(parser, required=False)
    parser.add_argument("--out", type=Path, required=True, help="the folder; made if it is not there")


def run(arguments: Namespace) -> int:
    """Copy a folder as it is, or a CSV file's pictures into one folder a class; print where they came from."""
    from training.config import read_config
    from training.data import sources
    from training.data.datasets import resolve

    config = read_config(arguments.config)
    source = resolve(arguments.data, config.dataset)
    if source.is_dir():
        shutil.copytree(source, arguments.out, dirs_exist_ok=True, copy_function=_link, ignore=_hidden)
    else:
        listed = sources.read(source, config.labels)
        for number, file in enumerate(listed.files):
            folder = arguments.out / listed.labels[file.label]
            folder.mkdir(parents=True, exist_ok=True)
            _link(str(file.path), str(folder / f"{number:06d}{file.path.suffix}"))
    print(source)
    return 0


def _link(source: str, target: str) -> str:
    """Give a file a second name where the file system can, which costs no space; copy it otherwise."""
    with suppress(OSError):
        os.link(os.path.realpath(source), target)
        return target
    return str(shutil.copyfile(source, target))


def _hidden(folder: str, names: list[str]) -> list[str]:
    del folder
    return [name for name in names if name.startswith(".")]
