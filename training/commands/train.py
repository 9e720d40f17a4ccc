"""Train an experiment of training/configs/ on a folder of pictures; a killed run goes on when started again."""

import tempfile
from argparse import ArgumentParser, Namespace
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from training.commands import RUNS, add_cache, add_data, add_drop

if TYPE_CHECKING:
    from training.config import Config

HELP = "train an experiment of training/configs/"
_SMOKE_PICTURES = 60


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("config", help="name of the experiment, such as pizza")
    add_data(parser, required=False)
    add_drop(parser)
    parser.add_argument("--run", type=Path, help="folder of the run (default runs/<config>)")
    add_cache(parser)
    parser.add_argument("--mlflow", metavar="URI", help="report to MLflow as well: http://... or sqlite:///mlflow.db")
    parser.add_argument("--smoke", action="store_true", help="a minute on drawn pictures: train, export, verify")
    parser.add_argument("--backbone", help="another backbone for the smoke run")


def run(arguments: Namespace) -> int:
    """Train, and say what comes next; or make the smoke run, which ends with a verified export."""
    from training.config import ConfigError, load_config, smoke
    from training.data.datasets import resolve
    from training.evaluation.evaluate import table
    from training.train import train

    config = load_config(arguments.config)
    if arguments.smoke:
        return _smoke(smoke(config, arguments.backbone))
    if arguments.backbone:
        raise ConfigError("--backbone is for --smoke. For another recipe write a file in training/configs/.")
    source = resolve(arguments.data, config.dataset)
    folder = arguments.run or RUNS / arguments.config
    record = train(config, source, folder, arguments.cache, drop=arguments.drop, mlflow=arguments.mlflow)
    estimate = record["estimate"]
    print(f"\nHow good the recipe is, by {estimate['method']}:\n{table(estimate)}")
    print(f"\n{folder}: trained in {record['minutes']} minutes. Next: python -m training export {folder}")
    return 0


def _smoke(config: "Config") -> int:
    from training.artefact.drawings import KINDS, write_folder
    from training.artefact.export import export
    from training.train import train

    # A kind of drawing that two classes share would be one picture in two classes, which is refused.
    config = replace(config, labels=tuple(config.labels)[: len(KINDS)])
    with tempfile.TemporaryDirectory() as folder:
        write_folder(Path(folder, "data"), config.labels, _SMOKE_PICTURES)
        train(config, Path(folder, "data"), Path(folder, "run"))
        version = export(Path(folder, "run"), Path(folder, "models"), any_size=True)  # it goes nowhere
        print(f"smoke run of {config.name} ({config.backbone}): {version} passed its gate")
    return 0
