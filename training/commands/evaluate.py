"""Measure a model version on a folder of pictures, through the engine that serves it."""

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path

from training.commands import add_data

HELP = "measure a model version on a folder of pictures"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("--model", type=Path, required=True, help="directory of a model version")
    add_data(parser)
    parser.add_argument("--split", choices=("train", "validation", "test", "all"), default="test")
    parser.add_argument("--engine", choices=("litert", "saved_model"), default="litert")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(arguments: Namespace) -> int:
    """Print accuracy, per-class figures and the confusion matrix."""
    from training.evaluate import evaluate, table

    result = evaluate(arguments.model, arguments.data, arguments.split, arguments.engine)
    print(json.dumps(result, indent=1) if arguments.json else table(result))
    return 0
