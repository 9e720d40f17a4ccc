"""Train an experiment of training/configs/ on a folder of pictures; a killed run goes on when started again."""

import tempfile
from argparse import ArgumentParser, Namespace
from pathlib import Path

from training.commands import RUNS, add_cache, add_data

HELP = "train an experiment of training/configs/"
_SMOKE_PICTURES = 60


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("config", help="name of the experiment, such as pizza")
    add_data(parser, required=False)
    parser.add_argument("--run", type=Path, help="folder of the run (default runs/<config>)")
    add_cache(parser)
    parser.add_argument("--smoke", action="store_true", help="a minute on drawn pictures: train, export, verify")


def run(arguments: Namespace) -> int:
    """Train, and say what comes next; or make the smoke run, which ends with a verified export."""
    from training.config import ConfigError, load_config
    from training.evaluate import table
    from training.train import train

    config = load_config(arguments.config)
    if arguments.smoke:
        return _smoke(arguments.config)
    if arguments.data is None:
        raise ConfigError(f"--data DIR is needed: a folder that holds the folders {', '.join(config.labels)}.")
    folder = arguments.run or RUNS / arguments.config
    record = train(config, arguments.data, folder, arguments.cache)
    print(
        f"{table(record['metrics']['test'])}\n\n{folder}: trained in {record['minutes']} minutes. Next: export {folder}"
    )
    return 0


def _smoke(name: str) -> int:
    from training.config import load_config, smoke
    from training.drawings import write_folder
    from training.export import export
    from training.train import train

    config = load_config(name)
    with tempfile.TemporaryDirectory() as folder:
        write_folder(Path(folder, "data"), config.labels, _SMOKE_PICTURES)
        train(smoke(config), Path(folder, "data"), Path(folder, "run"))
        print(f"smoke run of {name}: {export(Path(folder, 'run'), Path(folder, 'models'))} passed its gate")
    return 0
