"""Find the models of this repository and write the list that a model server reads."""

from collections.abc import Sequence
from pathlib import Path, PurePath

from google.protobuf import text_format

from serving_api import config_pb2

MODELS = Path(__file__).resolve().parent.parent / "apps" / "model-server" / "models"
# The classifier that `POST /predict` answers with, and that stands first on the page.
DEFAULT = "pizza"


def bundled_models(folder: Path = MODELS) -> list[str]:
    """Name the models of a folder, the default first: each a folder of numbered versions."""
    names = {path.parent.parent.name for path in folder.glob("*/*/saved_model.pb") if path.parent.name.isdigit()}
    return sorted(names, key=lambda name: (name != DEFAULT, name))


def versions(model: str, folder: Path = MODELS) -> list[int]:
    """Give a model's versions in rising order."""
    return sorted(int(path.name) for path in (folder / model).iterdir() if path.name.isdigit())


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
