"""The bundled models are found, and the list that images read names them all."""

from pathlib import PurePosixPath

from google.protobuf import text_format

from serving_api import config_pb2
from tools.models import MODELS, bundled_models, model_config, versions


def make_version(folder, name, version):
    path = folder / name / version
    path.mkdir(parents=True)
    (path / "saved_model.pb").write_bytes(b"")


def test_models_are_folders_of_numbered_versions(tmp_path):
    """A folder counts as a model if a numbered version with a SavedModel is in it; the default stands first."""
    for name, version in [("clothing", "1"), ("pizza", "2"), ("pizza", "10"), ("draft", "tmp")]:
        make_version(tmp_path, name, version)
    assert ["pizza", "clothing"] == bundled_models(tmp_path)
    assert [2, 10] == versions("pizza", tmp_path)


def test_the_committed_list_names_every_bundled_model():
    """apps/model-server/models.config, which the images read, is what the folders give."""
    committed = (MODELS.parent / "models.config").read_text()
    assert text_format.Parse(committed, config_pb2.ModelServerConfig()) == text_format.Parse(
        model_config(bundled_models(), PurePosixPath("/models")), config_pb2.ModelServerConfig()
    )
