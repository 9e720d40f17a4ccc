"""Add a classifier end to end: train it on a folder of pictures, prove it, export it and enter it in the server's list.

The gateway and its page show it at the next start, without another edit. Nothing is left behind where a step fails, but
for the run's folder, from which the same command goes on.
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from training.commands import ROOT, add_cache, add_data, add_drop

HELP = "add a classifier end to end: config, model, entry in the server's list"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("name", help="of the model, such as shoes; also of its folder and its address /v1/models/NAME")
    add_data(parser)
    add_drop(parser)
    parser.add_argument("--backbone", help="feature extractor (efficientnet-lite0)")
    parser.add_argument("--size", type=int, help="input height and width in pixels (the backbone's own)")
    parser.add_argument("--quick", action="store_true", help="fit a head on frozen features: minutes, not an hour")
    parser.add_argument("--epochs", type=int, help="of fine-tuning (8; tiny pictures 30; without ImageNet weights 40)")
    parser.add_argument("--weights", default="imagenet", help="imagenet, none, or a file (%(default)s)")
    parser.add_argument("--task", help="what the model says, one sentence for its card and the page")
    parser.add_argument("--source", help="where the pictures come from and under which licence, for its card")
    parser.add_argument("--repository", type=Path, default=ROOT, help="working tree to add it to (%(default)s)")
    add_cache(parser)


def run(arguments: Namespace) -> int:
    """Add the classifier, and say what was written and what comes next."""
    from training import new
    from training.config_file import judged
    from training.data.datasets import resolve
    from training.evaluation.evaluate import table

    repository = new.Repository(arguments.repository.resolve())
    new.check_name(arguments.name, repository)
    source = resolve(arguments.data, None)
    config = new.recipe(
        arguments.name,
        source,
        backbone=arguments.backbone,
        size=arguments.size,
        epochs=arguments.epochs,
        quick=arguments.quick,
        weights=None if arguments.weights == "none" else arguments.weights,
        task=arguments.task,
        origin=arguments.source,
    )
    print(f"{config.name}: {config.backbone} at {config.size} px, {len(config.labels)} classes", flush=True)
    version, estimate = new.add(config, source, repository, arguments.cache, arguments.drop)
    written = (version, repository.config_file(config.name), repository.list)
    paths = [str(path.relative_to(repository.root)) for path in written]
    megabytes = sum(path.stat().st_size for path in version.rglob("*") if path.is_file()) / 1e6
    print(f"\nHow good {config.name} is, {judged(estimate)}:\n{table(estimate)}\n")
    print(f"written:  {paths[0]} ({megabytes:.1f} MB)\n          {paths[1]}\n          {paths[2]}\n")
    print(f"look:     make show MODEL={config.name}\nserve:    make run OPEN=1")
    print(f'deliver:  git add {" ".join(paths)} && git commit -m "Add {config.name} version 1" && git push')
    return 0
