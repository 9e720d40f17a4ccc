"""The command line of training: `python -m training VERB ...`, one verb a module."""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

_ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(_ROOT / "apps"), str(_ROOT / "apps" / "model-server")]  # works without an install as well
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow tells of processors and missing CUDA at every start

_MODELS = _ROOT / "apps" / "model-server" / "models"
_SMOKE_PICTURES = 60


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; return 0, or 1 with one sentence on standard error for anything the user can put right."""
    arguments = _parser().parse_args(argv)
    from model_server.errors import StatusError

    try:
        return _run(arguments)
    except (ValueError, OSError, StatusError) as error:
        print(f"training {arguments.verb}: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print(f"\ntraining {arguments.verb}: interrupted; the same command goes on from here", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m training", description="Train, prove and export image classifiers.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("train", help="train an experiment of training/configs/")
    verb.add_argument("config", help="name of the experiment, such as pizza")
    verb.add_argument("--data", type=Path, help="folder with one folder of pictures per class")
    verb.add_argument("--run", type=Path, help="folder of the run (default runs/<config>)")
    verb.add_argument("--cache", type=Path, default=_ROOT / "runs" / "cache", help="folder for decoded pictures")
    verb.add_argument("--smoke", action="store_true", help="a minute on drawn pictures: train, export, verify")
    verb = verbs.add_parser("crossvalidate", help="judge every picture by a model that was fitted without it")
    verb.add_argument("config", help="name of the experiment, such as pizza")
    verb.add_argument("--data", type=Path, required=True, help="folder with one folder of pictures per class")
    verb.add_argument("--folds", type=int, default=5, help="models to fit (%(default)s)")
    verb.add_argument("--run", type=Path, help="folder of the folds (default runs/<config>-folds)")
    verb.add_argument("--cache", type=Path, default=_ROOT / "runs" / "cache", help="folder for decoded pictures")
    verb = verbs.add_parser("export", help="write a run as a model version, if it passes the skew gate")
    verb.add_argument("run", type=Path)
    verb.add_argument("--models", type=Path, default=_MODELS, help="folder of models")
    verb.add_argument("--replace", action="store_true", help="overwrite a version that is already there")
    verb = verbs.add_parser("evaluate", help="measure a model version on a folder of pictures")
    verb.add_argument("--model", type=Path, required=True, help="directory of a model version")
    verb.add_argument("--data", type=Path, required=True, help="folder with one folder of pictures per class")
    verb.add_argument("--split", choices=("train", "validation", "test", "all"), default="test")
    verb.add_argument("--engine", choices=("litert", "saved_model"), default="litert")
    verb.add_argument("--json", action="store_true", help="print JSON instead of a table")
    verb = verbs.add_parser("check", help="compare a model version with its golden pictures in each engine")
    verb.add_argument("model", type=Path, help="directory of a model version")
    return parser


def _run(arguments: argparse.Namespace) -> int:
    # Imported here, so that --help and evaluating through LiteRT do not wait for TensorFlow.
    if arguments.verb == "train":
        return _train(arguments)
    if arguments.verb == "crossvalidate":
        from training.config import load_config
        from training.crossvalidate import crossvalidate
        from training.evaluate import table

        run = arguments.run or _ROOT / "runs" / f"{arguments.config}-folds"
        print(
            table(crossvalidate(load_config(arguments.config), arguments.data, arguments.folds, run, arguments.cache))
        )
        return 0
    if arguments.verb == "export":
        from training.export import export

        print(export(arguments.run, arguments.models, replace=arguments.replace))
    elif arguments.verb == "evaluate":
        from training.evaluate import evaluate, table

        result = evaluate(arguments.model, arguments.data, arguments.split, arguments.engine)
        print(json.dumps(result, indent=1) if arguments.json else table(result))
    else:
        from training import parity

        for name, value in parity.verify(arguments.model).items():
            print(f"{name:12} max |dp| {value:.2e} (allowed {parity.TOLERANCE[name]:g})")
    return 0


def _train(arguments: argparse.Namespace) -> int:
    from training.config import ConfigError, load_config, smoke
    from training.evaluate import table
    from training.train import train

    config = load_config(arguments.config)
    if arguments.smoke:
        from training.drawings import write_folder
        from training.export import export

        with tempfile.TemporaryDirectory() as folder:
            write_folder(Path(folder, "data"), config.labels, _SMOKE_PICTURES)
            train(smoke(config), Path(folder, "data"), Path(folder, "run"))
            print(f"smoke run of {config.name}: {export(Path(folder, 'run'), Path(folder, 'models'))} passed its gate")
        return 0
    if arguments.data is None:
        raise ConfigError(f"--data DIR is needed: a folder that holds the folders {', '.join(config.labels)}.")
    run = arguments.run or _ROOT / "runs" / arguments.config
    record = train(config, arguments.data, run, arguments.cache)
    print(f"{table(record['metrics']['test'])}\n\n{run}: trained in {record['minutes']} minutes. Next: export {run}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
