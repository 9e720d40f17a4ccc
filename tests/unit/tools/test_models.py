"""The bundled models are found, and the list that images read names them all."""

from pathlib import PurePosixPath

import pytest
from google.protobuf import text_format

from serving_api import config_pb2
from tools.models import LIST, MODELS, bundled_models, main, model_config, update_list, versions

OURS = {"pizza", "clothing", "fashion-mnist"}


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


def test_a_version_is_a_folder_with_a_saved_model(tmp_path):
    """A numbered folder that is still being copied, or a name that is not there, counts for nothing."""
    make_version(tmp_path, "pizza", "1")
    (tmp_path / "pizza" / "2").mkdir()
    assert [1] == versions("pizza", tmp_path)
    assert [] == versions("piza", tmp_path)


def test_the_committed_list_names_every_bundled_model():
    """apps/model-server/models.config, which the images read, names what the folders hold, the default first."""
    listed = text_format.Parse(LIST.read_text(), config_pb2.ModelServerConfig()).model_config_list.config
    assert [(name, f"/models/{name}") for name in bundled_models()] == [(one.name, one.base_path) for one in listed]


def test_the_committed_list_is_what_the_tool_writes(tmp_path):
    """Bringing the committed list up to date changes no letter of it."""
    (tmp_path / "models").symlink_to(MODELS)
    (tmp_path / "models.config").write_text(LIST.read_text())
    update_list(tmp_path / "models.config")
    assert LIST.read_text() == (tmp_path / "models.config").read_text()


def test_a_new_model_enters_the_list(tmp_path, capsys):
    """A model that is new in the folder enters the list in its place, also where there was no list."""
    path = tmp_path / "models.config"
    make_version(tmp_path / "models", "shoes", "1")
    assert ["shoes"] == update_list(path)
    make_version(tmp_path / "models", "hats", "1")
    make_version(tmp_path / "models", "pizza", "1")
    assert 0 == main(["--list", str(path)])
    assert f"{path}: pizza, hats, shoes\n" == capsys.readouterr().out
    listed = text_format.Parse(path.read_text(), config_pb2.ModelServerConfig())
    expected = model_config(["pizza", "hats", "shoes"], PurePosixPath("/models"))
    assert text_format.Parse(expected, config_pb2.ModelServerConfig()) == listed
    assert path.read_text().startswith("# The models that the images serve")


def test_what_people_wrote_stays(tmp_path):
    """A version policy, labels and the comments at the head survive; a model whose folder is gone leaves."""
    path = tmp_path / "models.config"
    for version in ("1", "2"):
        make_version(tmp_path / "models", "pizza", version)
    make_version(tmp_path / "models", "shoes", "1")
    path.write_text(
        "# mine\n# too\nmodel_config_list {\n"
        '  config { name: "gone" base_path: "/models/gone" }\n'
        '  config { name: "pizza" base_path: "/models/pizza" model_version_policy { all {} }'
        ' version_labels { key: "canary" value: 2 } }\n}\n'
    )
    assert ["pizza", "shoes"] == update_list(path)
    assert path.read_text().startswith("# mine\n# too\nmodel_config_list {")
    pizza, shoes = text_format.Parse(path.read_text(), config_pb2.ModelServerConfig()).model_config_list.config
    assert pizza.model_version_policy.HasField("all")
    assert {"canary": 2} == dict(pizza.version_labels)
    assert "/models/shoes" == shoes.base_path


@pytest.mark.parametrize("text", ["model_config_list {", "models: 1", "\u010d"])
def test_a_broken_list_is_left_as_it_is(tmp_path, capsys, text):
    """A list that cannot be read is named in one line and not overwritten."""
    path = tmp_path / "models.config"
    path.write_text(text, encoding="iso8859-2")
    assert 1 == main(["--list", str(path)])
    assert "models.config cannot be read" in capsys.readouterr().err
    assert text == path.read_text(encoding="iso8859-2")


def test_the_bundled_models_fit_into_git():
    """At most 20 MB a file; what the project itself brings has at most 90 MB, whatever a user adds to it."""
    sizes = {path: path.stat().st_size for path in MODELS.rglob("*") if path.is_file()}
    ours = [size for path, size in sizes.items() if path.relative_to(MODELS).parts[0] in OURS]
    assert 20_000_000 >= max(sizes.values())
    assert 90_000_000 >= sum(ours) > 60_000_000
