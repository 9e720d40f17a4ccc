"""Measure a model version on pictures, through the engine that serves it; --report looks at it from every side."""

import json
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from training.commands import add_data

HELP = "measure a model version on a folder of pictures"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("--model", type=Path, required=True, help="directory of a model version")
    add_data(parser)
    parser.add_argument("--split", choices=("train", "validation", "test", "all"), default="test", help="(%(default)s)")
    parser.add_argument(
        "--engine", choices=("auto", "litert", "saved_model"), default="auto", help="as the model server chooses (auto)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument(
        "--report",
        type=Path,
        metavar="FILE.html",
        help="write one HTML file with curves, calibration, mistakes, Grad-CAM, slices, damaged pictures and latency, "
        "and its numbers as FILE.json; needs TensorFlow, and takes about twenty times as long",
    )


def run(arguments: Namespace) -> int:
    """Print accuracy, per-class figures and the confusion matrix; write the report if asked for."""
    from training.data.datasets import resolve
    from training.evaluation.evaluate import answer, table
    from training.report import check_report

    report = arguments.report
    if report:
        check_report(report)
    answers = answer(arguments.model, resolve(arguments.data, None), arguments.split, arguments.engine)
    result = answers.summary()
    if report:
        from training.evaluation.examination import examine
        from training.report.evaluation import page

        found = examine(answers)
        result = found.to_json()
        page(found).write(report)
        report.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        print(f"wrote {report} and {report.with_suffix('.json')}", file=sys.stderr)
    print(json.dumps(result, indent=1) if arguments.json else table(result))
    if answers.fitted.warning:
        print(f"mind: {answers.fitted.warning}", file=sys.stderr)
    return 0
