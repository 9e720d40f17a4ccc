"""Hold a version to all that it has to pass before it is proposed: goldens in both engines, and the version before it.

Exit status: 0 if it passes, 3 if it is refused, 1 for an error.
"""

import json
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from training.commands import add_data

HELP = "hold a version to goldens and to the version that it would replace"
REFUSED = 3


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("version", type=Path, help="directory of a model version")
    add_data(parser)
    parser.add_argument("--split", choices=("train", "validation", "test", "all"), default="test", help="(%(default)s)")
    parser.add_argument("--against", type=Path, help="directory of the version to beat (none: better than chance)")
    parser.add_argument("--at-least-as-good", type=float, metavar="MARGIN", help="as of `training compare`")
    parser.add_argument("--report", type=Path, metavar="FILE.html", help="write the comparison as one HTML file")
    parser.add_argument("--json", action="store_true", help="print JSON instead of sentences")


def run(arguments: Namespace) -> int:
    """Print a sentence a gate."""
    from training.artefact.parity import ParityError
    from training.data.datasets import resolve
    from training.evaluation.comparison import check_margin
    from training.gates import GateRefused, pass_gates
    from training.report import check_report

    if arguments.report:
        check_report(arguments.report)
    check_margin(arguments.at_least_as_good)
    data = resolve(arguments.data, None)
    try:
        passed = pass_gates(arguments.version, arguments.against, data, arguments.split, arguments.at_least_as_good)
    except (GateRefused, ParityError) as error:
        print(f"refused: {error}", file=sys.stderr)
        return REFUSED
    if arguments.report and passed.comparison:
        from training.report.comparison import page

        page(passed.comparison).write(arguments.report)
    print(
        json.dumps({"passed": passed.sentences, "figures": passed.figures})
        if arguments.json
        else "\n".join(passed.sentences)
    )
    return 0
