"""Make a served, proved model version of a `.keras` file, an `.h5` file or a SavedModel that was made elsewhere.

Its scaling is proved on pictures: it must be better than chance with the declared one, and no other may be clearly
better.
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from training.commands import MODELS, add_cache, add_data, add_drop

HELP = "make a version of a .keras, .h5 or SavedModel made elsewhere, and prove its scaling"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("model", type=Path, help="file .keras or .h5, or directory of a SavedModel")
    add_data(parser)
    parser.add_argument(
        "--name", required=True, help="of the model, such as clothing; also its address /v1/models/NAME"
    )
    parser.add_argument("--version", type=int, default=1, help="a positive integer (%(default)s)")
    parser.add_argument("--labels", help="class names in the order of its outputs: a,b,c (the data's folders, sorted)")
    scalings = ("none", "unit", "symmetric", "caffe", "torch")
    what = "what its pixels are: none 0..255, unit 0..1, symmetric -1..1, caffe BGR minus means, torch standardised"
    parser.add_argument("--scaling", required=True, choices=scalings, help=what)
    parser.add_argument("--size", type=int, help="input height and width, where the model takes any")
    parser.add_argument("--positive", metavar="LABEL", help="what a model of one output speaks for")
    parser.add_argument("--task", default="", help="what the model says, one sentence for its card")
    parser.add_argument("--source", default="", help="where the model comes from, for its card")
    parser.add_argument("--models", type=Path, default=MODELS, help="folder of models (%(default)s)")
    parser.add_argument("--trust", action="store_true", help="load it although it holds code (Lambda layers)")
    parser.add_argument("--replace", action="store_true", help="overwrite a version that is already there")
    parser.add_argument("--any-size", action="store_true", help="allow files above 20 MB; needs --models elsewhere")
    add_drop(parser)
    add_cache(parser)


def run(arguments: Namespace) -> int:
    """Import, and print what was measured."""
    from training.artefact.importing import Declared, import_model
    from training.artefact.writer import update_list_beside
    from training.data.datasets import resolve
    from training.evaluation.evaluate import table

    declared = Declared(
        arguments.name,
        arguments.version,
        [label.strip() for label in arguments.labels.split(",")] if arguments.labels else None,
        arguments.scaling,
        arguments.size,
        arguments.positive,
        arguments.task,
        arguments.source,
    )
    version, result = import_model(
        arguments.model,
        declared,
        resolve(arguments.data, None),
        arguments.models,
        trust=arguments.trust,
        replace=arguments.replace,
        any_size=arguments.any_size,
        drop=arguments.drop,
        cache=arguments.cache,
    )
    update_list_beside(arguments.models)
    print(table(result))
    print("\naccuracy by scaling: " + ", ".join(f"{name} {value:.3f}" for name, value in result["scalings"].items()))
    print(f"{version}: both engines answer as the model itself; LiteRT keeps float{16 if result['float16'] else 32}")
    return 0
