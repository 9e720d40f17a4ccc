"""`training show` says of a model version what saved_model_cli says, and then what the contract adds."""

import json
import shutil
import subprocess
import sys

import pytest

from model_server.engines.signatures import read_signatures
from serving_api.serving_pb2 import DataType, SavedModel
from tools.models import DEFAULT, MODELS, bundled_models, versions
from training.__main__ import main
from training.artefact.show import ShowError, describe, find_version, signature_text

NEWEST = {name: MODELS / name / str(versions(name)[-1]) for name in bundled_models()}


@pytest.fixture
def small(tmp_path):
    """A version with signatures alone: two graphs, one of them for training, and shapes of every kind."""
    saved = SavedModel()
    saved.meta_graphs.add().meta_info_def.tags.append("train")
    graph = saved.meta_graphs.add()
    graph.meta_info_def.tags.append("serve")
    signature = graph.signature_def["odd'name"]
    signature.method_name = "tensorflow/serving/predict"
    for name, sizes in (("scalar", []), ("batch", [-1, 3])):
        tensor = signature.inputs[name]
        tensor.name, tensor.dtype = f"{name}:0", DataType.DT_HALF
        tensor.tensor_shape.SetInParent()
        for size in sizes:
            tensor.tensor_shape.dim.add().size = size
    signature.outputs["any"].tensor_shape.unknown_rank = True
    version = tmp_path / "small" / "3"
    version.mkdir(parents=True)
    (version / "saved_model.pb").write_bytes(saved.SerializeToString())
    return version


def test_signatures_read_as_saved_model_cli_prints_them():
    """The signature part is letter by letter what TensorFlow's own saved_model_cli prints of the bundled model."""
    command = [
        sys.executable, "-m", "tensorflow.python.tools.saved_model_cli", "show", "--dir", str(NEWEST[DEFAULT]), "--all"
    ]  # fmt: skip
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    expected = printed[: printed.index("The MetaGraph with tag set")].rstrip("\n")
    assert expected == signature_text(read_signatures(NEWEST[DEFAULT]))


@pytest.mark.parametrize("name", NEWEST)
def test_a_bundled_model_is_described_whole(name, capsys):
    """Labels, accuracy, every golden and every file of a bundled model are in the text."""
    assert 0 == main(["show", name])
    text = capsys.readouterr().out
    card = json.loads((NEWEST[name] / "card.json").read_text())
    golden = json.loads((NEWEST[name] / "golden.json").read_text())
    assert f"{name} version {NEWEST[name].name}: {card['task']}" in text
    assert ", ".join(card["labels"]) in text
    assert f"{card['metrics']['accuracy']['value']:.4f}, 95 % interval" in text
    for picture in golden["pictures"]:
        assert f"{picture['probabilities'][0]:.6f}" in text
    for path in NEWEST[name].rglob("*"):
        assert path.is_dir() or f"{path.stat().st_size:,}  {path.relative_to(NEWEST[name])}\n" in text


def test_no_tensorflow_is_loaded():
    """`show` runs where only the servers' packages are: it loads neither TensorFlow, Keras nor matplotlib."""
    code = (
        "import sys; from training.__main__ import main; main(['show', 'pizza']);"
        "sys.exit(repr({'tensorflow', 'keras', 'matplotlib', 'optuna'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=MODELS.parents[2], capture_output=True, text=True, check=False
    )
    assert "set()" == done.stderr.strip().splitlines()[-1]


def test_a_verb_without_its_packages_says_where_they_are():
    """A verb that needs TensorFlow says so in one line where only the servers' packages are."""
    code = (
        "import sys; sys.modules['keras'] = None; from training.__main__ import main; sys.exit(main(['tune', 'pizza']))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=MODELS.parents[2], capture_output=True, text=True, check=False)
    assert 1 == done.returncode
    expected = "training tune: keras is not installed here; requirements/train.txt has it, and make uses it"
    assert expected == done.stderr.splitlines()[-1]


def test_shapes_and_names_are_written_plainly(small):
    """A scalar is (), any batch -1, an unknown rank unknown_rank; only the serving graph counts."""
    text = describe(small)
    assert "signature_def['odd'name']:" in text
    for line in ("        shape: ()\n", "        shape: (-1, 3)\n", "        shape: unknown_rank\n"):
        assert line in text
    assert 1 == text.count("MetaGraphDef")


def test_the_newest_version_is_meant(small):
    """Without --version the newest is described, by number and not by spelling; a directory may be named itself."""
    shutil.copytree(small, small.with_name("10"))
    models = small.parents[1]
    assert small.with_name("10") == find_version("small", None, models)
    assert small == find_version("small", 3, models)
    assert small == find_version(str(small), None, models)
    assert small.with_name("10") == find_version(str(small.parent), None, models)


@pytest.mark.parametrize(("model", "version"), [("pizzza", None), ("small", 4), ("../..", None)])
def test_a_model_that_is_not_there_is_answered_with_those_that_are(small, model, version):
    """An unknown model or version is refused in a sentence."""
    with pytest.raises(ShowError, match=r"small|no version"):
        find_version(model, version, small.parents[1])


def test_a_broken_file_is_named(small, capsys):
    """A SavedModel or a card that cannot be read is a sentence that names the file, not a stack trace."""
    (small / "card.json").write_text('{"input": 3}')
    assert 1 == main(["show", str(small)])
    assert "card.json is not what contract 1 asks for" in capsys.readouterr().err
    (small / "saved_model.pb").write_bytes(b"\xff\xff\xff")
    assert 1 == main(["show", str(small)])
    assert "saved_model.pb" in capsys.readouterr().err
