"""Run, compile or submit the pipeline: `python -m training.pipeline run|compile|submit`.

Exit status: 0 when done; 3 when a step refused or failed, with its reason on standard error; 1 for an earlier error.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from training.pipeline.calls import REFUSED, ROOT, runs
from training.pipeline.compiled import FILE, compiled
from training.pipeline.definition import CANDIDATES


def main(argv: Sequence[str] | None = None) -> int:
    """Run a verb; return the exit status."""
    given = _parser().parse_args(argv)
    try:
        return int(given.verb_run(given))
    except (ValueError, OSError) as error:
        print(f"pipeline {given.verb}: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print(f"\npipeline {given.verb}: interrupted; the same command goes on from here", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m training.pipeline", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    one = verbs.add_parser("run", help="on this machine, without a cluster")
    _add_parameters(one)
    one.add_argument("--folder", type=Path, default=runs() / "pipeline", help="for artefacts and log (%(default)s)")
    one.set_defaults(verb_run=_run)
    one = verbs.add_parser("compile", help="write the pipeline for a cluster")
    one.add_argument("--out", type=Path, default=FILE, help="(%(default)s)")
    one.set_defaults(verb_run=_compile)
    return parser


def _add_parameters(one: argparse.ArgumentParser, repository: str = str(ROOT)) -> None:
    one.add_argument("--config", default="fashion-mnist", help="experiment of training/configs/ (%(default)s)")
    one.add_argument("--data", default="", help="pictures (the experiment's own data set)")
    one.add_argument("--candidates", nargs="+", default=CANDIDATES, help=f"changes ({' '.join(CANDIDATES)})")
    one.add_argument("--epochs", help="of every candidate that does not say")
    one.add_argument("--drop", default="", help="list of pictures to leave out, or auto")
    one.add_argument(
        "--metric", choices=("log-loss", "accuracy"), default="log-loss", help="that chooses (%(default)s)"
    )
    one.add_argument("--repository", default=repository, help="that gets the branch: folder or address (%(default)s)")
    one.add_argument("--branch", default="", help="(model/NAME-NUMBER)")
    one.add_argument("--against", default="", help="directory of the version to beat, or none (the newest there is)")
    one.add_argument("--judge", default="", help="pictures that no version was fitted on (the test split of --data)")
    one.add_argument(
        "--margin", type=float, default=0.0, help="share by which it may be worse (0: it has to be better)"
    )
    one.add_argument("--pull-request", action="store_true", help="push the branch and ask for its merge by gh")


def _parameters(given: argparse.Namespace) -> dict[str, Any]:
    """Give the pipeline's parameters."""
    names = ("config", "data", "drop", "metric", "repository", "branch", "against", "judge", "margin", "pull_request")
    epochs = f"epochs={given.epochs}"
    candidates = [
        one if not given.epochs or "epochs=" in one else epochs if one == "own" else f"{one},{epochs}"
        for one in given.candidates
    ]
    return {name: getattr(given, name) for name in names} | {"candidates": candidates}


def _run(given: argparse.Namespace) -> int:
    from training.pipeline.local import Refused, run

    parameters = _parameters(given)
    for name in ("data", "judge", "drop", "against", "repository"):  # steps run elsewhere
        if parameters[name] and Path(parameters[name]).exists():
            parameters[name] = str(Path(parameters[name]).resolve())
    try:
        branch = run(parameters, given.folder.resolve())
    except Refused as refused:
        print(refused, file=sys.stderr)
        return REFUSED
    print(f"look:     git show --stat {branch}\ndeliver:  git push origin {branch}, then a pull request")
    return 0


def _compile(given: argparse.Namespace) -> int:
    given.out.write_text(compiled(), encoding="utf-8")
    print(given.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
