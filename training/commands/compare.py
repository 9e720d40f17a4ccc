"""Say whether model version B beats A on the same pictures: a paired test, so that a promotion rests on evidence.

Exit status: 0 if B beats A, or with --at-least-as-good is at most the margin worse; 3 if that is not shown; 1 for an
error. Pictures that B was fitted on show nothing in its favour.
"""

import json
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from training.commands import add_data

if TYPE_CHECKING:
    from training.evaluation.comparison import Comparison

HELP = "say whether one model version beats another"
NOT_SHOWN = 3


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("a", type=Path, metavar="A", help="directory of the model version that is there")
    parser.add_argument("b", type=Path, metavar="B", help="directory of the one that would take its place")
    add_data(parser)
    parser.add_argument("--split", choices=("train", "validation", "test", "all"), default="test", help="(%(default)s)")
    parser.add_argument("--engine", choices=("auto", "litert", "saved_model"), default="auto", help="for both (auto)")
    parser.add_argument(
        "--at-least-as-good",
        type=float,
        metavar="MARGIN",
        help="it is enough that B's accuracy is less than this below A's, such as 0.01; the interval decides",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of sentences")
    parser.add_argument(
        "--report", type=Path, metavar="FILE.html", help="write one HTML file, and its numbers as FILE.json"
    )


def run(arguments: Namespace) -> int:
    """Print the verdict; return 0 only if B may take A's place."""
    from training.data.datasets import resolve
    from training.evaluation.comparison import answer_both, check_margin, compare
    from training.report import check_report

    report = arguments.report
    if report:
        check_report(report)
    check_margin(arguments.at_least_as_good)  # before minutes of work
    data = resolve(arguments.data, None)
    a, b = answer_both(arguments.a, arguments.b, data, arguments.split, arguments.engine)
    found = compare(a, b, arguments.at_least_as_good)
    result = json.dumps(found.to_json(), indent=1)
    if report:
        from training.report.comparison import page

        page(found).write(report)
        report.with_suffix(".json").write_text(result + "\n", encoding="utf-8")
        print(f"wrote {report} and {report.with_suffix('.json')}", file=sys.stderr)
    print(result if arguments.json else _text(found))
    for warning in found.warnings:
        print(f"mind: {warning}", file=sys.stderr)
    return 0 if found.shown else NOT_SHOWN


def _text(found: "Comparison") -> str:
    """Write a comparison for the terminal."""
    lines = []
    for which, one in (("A", found.a), ("B", found.b)):
        accuracy = one.summary()["accuracy"]
        interval = "accuracy {value:.4f} ({low:.4f} to {high:.4f})".format(**accuracy)
        lines.append(f"{which}  {one.name:20} {interval}  {one.model_dir}")
    points = [f"{100 * value:+.2f}" for value in (found.difference, found.low, found.high)]
    lines.append(f"B - A: {points[0]} points, 95 % interval {points[1]} to {points[2]}; {found.pictures} pictures")
    lines.append("log loss, B - A: {:+.4f}, 95 % interval {:+.4f} to {:+.4f}".format(*found.log_loss))
    return "\n".join([*lines, "", *found.sentences()])
