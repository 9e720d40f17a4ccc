"""Train one candidate of an experiment, unless the same was trained before; a killed run goes on when started again.

The run's folder is named by experiment, pictures, code and libraries, so what is found there is what would come out.
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from training.commands import RUNS, add_cache, add_data, add_drop

HELP = "train an experiment with some of its settings changed, once"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("config", help="name of the experiment, such as fashion-mnist")
    parser.add_argument("candidate", help="changes, such as learning-rate=3e-4,epochs=5; or own")
    add_data(parser, required=False)
    add_drop(parser)
    parser.add_argument("--runs", type=Path, default=RUNS / "candidates", help="folder of runs (%(default)s)")
    parser.add_argument("--out", type=Path, help="copy the finished run here, without its checkpoints")
    add_cache(parser)


def run(arguments: Namespace) -> int:
    """Train or find the run, and say which."""
    from training.candidates import candidate, copy_run, train_once
    from training.choice import read
    from training.config import load_config
    from training.data.datasets import resolve

    config = load_config(arguments.config)
    one = candidate(config, arguments.candidate)
    source = resolve(arguments.data, config.dataset)
    folder, known = train_once(one, source, arguments.runs, arguments.cache, drop=arguments.drop)
    if arguments.out:
        copy_run(folder, arguments.out)
    figures = read(folder).figures
    said = "accuracy {value:.4f} on {n} validation pictures".format(**figures["accuracy"])
    how = "was trained before and is used again" if known else "trained"
    print(f"candidate {one.text}: {how}; {said}, log loss {figures['log_loss']:.4f}; {folder}")
    return 0
