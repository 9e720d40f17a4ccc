"""Choose the best of candidates that were trained, by what they say of the validation split."""

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path

HELP = "choose the best of trained candidates"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="folder of a candidate's run")
    parser.add_argument("--metric", choices=("log-loss", "accuracy"), default="log-loss", help="(%(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(arguments: Namespace) -> int:
    """Print the candidates, and which one is the best."""
    from training.choice import choose, table

    best, judged = choose(arguments.runs, arguments.metric)
    text = table(best, judged, arguments.metric)
    if arguments.json:
        print(json.dumps({"candidate": best.text, "run": str(best.run), "figures": best.figures, "table": text}))
    else:
        print(text)
    return 0
