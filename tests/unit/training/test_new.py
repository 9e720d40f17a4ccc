"""`training new` adds a classifier whole or not at all, under a name that everything can bear."""

import shutil

import pytest
from PIL import Image

from tools.models import LIST, bundled_models
from training import new
from training.__main__ import main
from training.artefact.drawings import write_folder
from training.config import ConfigError

LABELS = ("salad", "garment")


def tree(root):
    """What a classifier's parts are put into, with one model in it."""
    version = root / "apps/model-server/models/pizza/1"
    version.mkdir(parents=True)
    (version / "saved_model.pb").touch()
    (root / "training/configs").mkdir(parents=True)
    shutil.copy(LIST, root / "apps/model-server/models.config")
    return new.Repository(root)


def snapshot(repository):
    """Every file outside runs/, with its content."""
    files = [path for path in repository.root.rglob("*") if path.is_file() and repository.runs not in path.parents]
    return {str(path.relative_to(repository.root)): path.read_bytes() for path in files}


@pytest.fixture
def repository(tmp_path):
    return tree(tmp_path / "repository")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn") / "lunch"
    write_folder(folder, LABELS, 60)
    return folder


@pytest.mark.parametrize(
    "name",
    ["Shoes", "my_shoes", "-a", "a-", "9lives", "", "a" * 64, "a/b", "..", "schön", "a.b", "class", "gateway", "cache",
     "pizza-tune", "pizza"],
)  # fmt: skip
def test_a_name_that_something_cannot_bear_is_refused(repository, name):
    """Names are DNS labels and Python modules, and neither taken nor meant for something else."""
    with pytest.raises(new.NewError, match=r"cannot be a model's name|There is a 'pizza' already"):
        new.check_name(name, repository)


@pytest.mark.parametrize("name", ["a", "shoes", "my-shoes-2", "a" * 63])
def test_a_good_name_is_taken(repository, name):
    """A DNS label that begins with a letter is a name."""
    new.check_name(name, repository)


def test_a_name_is_taken_by_an_experiment_or_an_entry_too(repository):
    """An experiment or an entry in the list without a model keeps its name."""
    repository.config_file("my-hats").touch()
    with pytest.raises(new.NewError, match=r"my_hats\.py"):
        new.check_name("my-hats", repository)
    repository.list.write_text('model_config_list { config { name: "shoes" } }')
    with pytest.raises(new.NewError, match="names a 'shoes' already"):
        new.check_name("shoes", repository)


def test_another_folder_is_no_repository(tmp_path):
    """A folder that is no working tree of this project is refused before anything is trained."""
    with pytest.raises(new.NewError, match="is no working tree"):
        new.check_name("shoes", new.Repository(tmp_path))


def test_photographs_are_fine_tuned_from_imagenet(drawn):
    """Pictures of usual size get EfficientNet-Lite0 at its own size, with crops smaller than the input."""
    config = new.recipe("lunch", drawn)
    assert ("efficientnet-lite0", 224, 192, "imagenet", 8) == (
        config.backbone, config.size, config.train_size, config.weights, config.epochs
    )  # fmt: skip
    assert ("garment", "salad") == config.labels
    assert "lunch" == config.data_name
    assert 0 == new.recipe("lunch", drawn, quick=True).epochs
    assert 3 == new.recipe("lunch", drawn, epochs=3).epochs
    with pytest.raises(ConfigError, match="epochs is -1"):
        new.recipe("lunch", drawn, epochs=-1)


def test_tiny_pictures_are_enlarged_inside_the_graph(tmp_path):
    """Pictures of 28 px are taken as they are and enlarged by the model; broken files do not count."""
    for label in LABELS:
        (tmp_path / label).mkdir()
        Image.new("L", (28, 28), 7).save(tmp_path / label / "a.png")
        (tmp_path / label / "broken.png").write_bytes(b"no picture")
    config = new.recipe("digits", tmp_path)
    assert ("efficientnet-lite0", 28, 28, 112, "small") == (
        config.backbone, config.size, config.train_size, config.inner_size, config.augmentation
    )  # fmt: skip
    small = new.recipe("digits", tmp_path, backbone="small-cnn")
    assert (28, None, None) == (small.size, small.inner_size, small.weights)
    with pytest.raises(new.NewError, match="--quick"):
        new.recipe("digits", tmp_path, backbone="small-cnn", quick=True)


def test_class_names_that_no_model_may_have_cost_no_training(tmp_path):
    """What the export refuses of class names is refused before the training."""
    for label in ("a", "b\n"):
        (tmp_path / label).mkdir()
        Image.new("L", (28, 28), 7).save(tmp_path / label / "a.png")
    with pytest.raises(ValueError, match="The label"):
        new.recipe("digits", tmp_path)


def test_choices_that_make_no_sense_are_refused_before_training(drawn, repository):
    """An unknown backbone, and one whose weights no file in Git may hold, cost no training."""
    with pytest.raises(ValueError, match="resnet"):
        new.recipe("lunch", drawn, backbone="resnet")
    huge = new.recipe("lunch", drawn, backbone="vgg16", size=32, weights=None)
    with pytest.raises(ConfigError, match=r"vgg16 has 59 MB of weights"):
        new.add(huge, drawn, repository, None)
    assert not repository.runs.exists()


def test_after_a_failure_nothing_is_left(repository, drawn, tmp_path, capsys):
    """A step that fails after the export leaves the tree as it was: no model, no experiment, no entry."""
    before = snapshot(repository)
    # In the way of the experiment's file, which is written after the export.
    (repository.configs / ".lunch.py.partial").mkdir()
    command = ["new", "lunch", "--data", str(drawn), "--quick", "--size", "32", "--cache", str(tmp_path / "cache")]
    assert 1 == main([*command, "--repository", str(repository.root)])
    assert "lunch.py.partial" in capsys.readouterr().err
    assert before == snapshot(repository)
    assert ["pizza"] == bundled_models(repository.models)


def test_a_model_no_better_than_chance_is_not_added(repository, tmp_path, capsys):
    """Two classes of one and the same kind of picture cannot be told apart, and no such model is added."""
    write_folder(tmp_path, ("sky",), 160)
    for number, picture in enumerate(sorted((tmp_path / "sky").iterdir())):
        folder = tmp_path / "data" / ("rare" if number % 4 == 0 else "usual")
        folder.mkdir(parents=True, exist_ok=True)
        picture.rename(folder / picture.name)
    before = snapshot(repository)
    command = ["new", "weather", "--data", str(tmp_path / "data"), "--backbone", "small-cnn", "--epochs", "1"]
    assert 1 == main([*command, "--repository", str(repository.root), "--cache", str(tmp_path / "cache")])
    assert "it was not added" in capsys.readouterr().err
    assert before == snapshot(repository)
