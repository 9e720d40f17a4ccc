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

_ASK_EVERY_S = 5


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
    one = verbs.add_parser("submit", help="to a cluster with Kubeflow Pipelines")
    _add_parameters(one, repository="")
    one.add_argument("--host", required=True, help="address of Kubeflow Pipelines, such as http://localhost:8080")
    one.add_argument("--image", required=True, help="what training/Dockerfile makes, as the cluster can pull it")
    one.add_argument("--namespace", default="", help="of the run, where the cluster is shared")
    one.add_argument("--experiment", default="image-classifiers", help="that the run is listed under (%(default)s)")
    one.add_argument("--pipeline-root", default="", help="for artefacts: s3://BUCKET/FOLDER or minio://BUCKET/FOLDER")
    one.add_argument("--service-account", default="", help="of the steps")
    one.add_argument("--token-file", type=Path, help="file with a bearer token")
    one.add_argument("--authority", type=Path, help="file with the host's certificate authority")
    one.add_argument("--no-cache", action="store_true", help="do every step again")
    one.add_argument("--wait", type=int, metavar="SECONDS", help="wait so long for its end")
    one.set_defaults(verb_run=_submit)
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
    if not parameters["pull_request"] and Path(parameters["repository"]).exists():  # else it is there already
        print(f"look:     git show --stat {branch}\ndeliver:  git push origin {branch}, then a pull request")
    return 0


def _submit(given: argparse.Namespace) -> int:
    from training.pipeline.submit import Cluster, submit

    names = ("host", "image", "namespace", "experiment", "pipeline_root", "service_account", "authority")
    token = given.token_file.read_text(encoding="utf-8").strip() if given.token_file else ""
    cluster = Cluster(**{name: getattr(given, name) for name in names}, token=token)
    run, client = submit(cluster, _parameters(given), caching=not given.no_cache)
    print(f"{given.host}/#/runs/details/{run}")
    if given.wait is None:
        return 0
    state = client.wait_for_run_completion(run, given.wait, sleep_duration=_ASK_EVERY_S).state
    print(state)
    return 0 if state == "SUCCEEDED" else REFUSED


def _compile(given: argparse.Namespace) -> int:
    given.out.write_text(compiled(), encoding="utf-8")
    print(given.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
