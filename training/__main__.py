"""The command line of training: `python -m training VERB ...`, one verb a module of `training.commands`."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

_ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(_ROOT / "apps"), str(_ROOT / "apps" / "model-server")]  # works without an install as well
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow tells of processors and missing CUDA at every start
logging.getLogger("tensorflow").setLevel(logging.ERROR)  # and of every function that it traces twice


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; return 0, or 1 with one sentence on standard error for anything the user can put right."""
    from model_server.errors import StatusError
    from training.commands import commands

    parser = argparse.ArgumentParser("python -m training", description="Train, prove and export image classifiers.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    known = commands()
    for name, command in known.items():
        command.add_arguments(verbs.add_parser(name, help=command.HELP, description=command.__doc__))
    arguments = parser.parse_args(argv)
    try:
        return known[arguments.verb].run(arguments)
    except (ValueError, OSError, StatusError) as error:
        print(f"training {arguments.verb}: {error}", file=sys.stderr)
    except ModuleNotFoundError as error:
        if (error.name or "training").startswith("training"):
            raise  # a fault of ours
        wanted = f"{error.name} is not installed here"
        print(f"training {arguments.verb}: {wanted}; requirements/train.txt has it, and make uses it", file=sys.stderr)
    except KeyboardInterrupt:
        print(f"\ntraining {arguments.verb}: interrupted; the same command goes on from here", file=sys.stderr)
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
