"""Find the models of this repository and write the list that a model server reads.

`python -m tools.models` brings apps/model-server/models.config up to date with the folders beside it.
"""

import argparse
import itertools
import sys
from collections.abc import Sequence
from pathlib import Path, PurePath, PurePosixPath

from google.protobuf import text_format

from serving_api import config_pb2

MODELS = Path(__file__).resolve().parent.parent / "apps" / "model-server" / "models"
LIST = MODELS.with_name("models.config")
# Where both images keep the models; LIST names them there.
IN_IMAGE = PurePosixPath("/models")
# The classifier that `POST /predict` answers with, and that stands first on the page.
DEFAULT = "pizza"
# What a model may be called: a DNS label (RFC 1123) that begins with a letter, because it also names a Python module.
NAME = r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?"
HEADER = (
    "# The models that the images serve, in protobuf text format (--model_config_file); a test holds it to models/.\n"
)


class ListError(ValueError):
    """The list of models cannot be read."""


def bundled_models(folder: Path = MODELS) -> list[str]:
    """Name the models of a folder, the default first: each a folder of numbered versions."""
    names = {path.parent.parent.name for path in folder.glob("*/*/saved_model.pb") if path.parent.name.isdigit()}
    return sorted(names, key=lambda name: (name != DEFAULT, name))


def versions(model: str, folder: Path = MODELS) -> list[int]:
    """Give a model's versions in rising order."""
    found = (folder / model).glob("*/saved_model.pb")
    return sorted(int(path.parent.name) for path in found if path.parent.name.isdigit())


def model_config(names: Sequence[str], base: PurePath) -> str:
    """Write TensorFlow Serving's `--model_config_file`: each model under `base`, newest version."""
    models = [
        config_pb2.ModelConfig(name=name, base_path=str(base / name), model_platform="tensorflow") for name in names
    ]
    config = config_pb2.ModelServerConfig(model_config_list=config_pb2.ModelConfigList(config=models))
    text: str = text_format.MessageToString(config)
    return text


def write_model_config(path: Path, names: Sequence[str], base: PurePath) -> None:
    """Write the list to a file."""
    path.write_text(model_config(names, base))


def read_list(path: Path = LIST) -> config_pb2.ModelServerConfig:
    """Read a list of models; an empty one where there is no file. Raises: ListError for a file that cannot be read."""
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        config: config_pb2.ModelServerConfig = text_format.Parse(text, config_pb2.ModelServerConfig())
    except (OSError, UnicodeDecodeError, text_format.ParseError) as error:
        raise ListError(f"{path} cannot be read: {error}") from error
    return config


def update_list(path: Path = LIST) -> list[str]:
    """Make a list name the models that lie beside it, the default first.

    What stands in the list of a model that is still there stays: a person may have added a version policy or labels.
    So do the comments before the first entry.

    Args:
        path: the list; its models are in the folder `models` beside it. It is made if it is not there.
    Returns: the models' names, in order.
    Raises: ListError for a list that cannot be read.
    """
    kept = {model.name: model for model in read_list(path).model_config_list.config}
    text = path.read_text(encoding="utf-8") if path.exists() else HEADER
    head = "".join(itertools.takewhile(lambda line: line.startswith("#"), text.splitlines(keepends=True)))
    names = bundled_models(path.with_name("models"))
    new = text_format.Parse(model_config(names, IN_IMAGE), config_pb2.ModelServerConfig())
    for model in new.model_config_list.config:
        model.CopyFrom(kept.get(model.name, model))
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(head + text_format.MessageToString(new), encoding="utf-8")
    partial.replace(path)
    return names


def main(argv: Sequence[str] | None = None) -> int:
    """Bring the list up to date and print its models. Returns: the exit status."""
    parser = argparse.ArgumentParser(prog="make models", description=__doc__)
    parser.add_argument("--list", type=Path, default=LIST, help="file to write, beside its folder models (%(default)s)")
    path = parser.parse_args(argv).list
    try:
        print(f"{path}: {', '.join(update_list(path)) or 'no model'}")
    except (ListError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
