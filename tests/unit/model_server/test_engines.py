import pytest
from grpc import StatusCode

from model_server import engines
from model_server.errors import StatusError


def refused(version_dir, wanted):
    with pytest.raises(StatusError) as failure:
        engines.choose_engine(version_dir, wanted)
    return failure.value


@pytest.mark.parametrize(
    ("files", "wanted", "chosen"),
    [
        (["model.tflite", "saved_model.pb"], "auto", "litert"),
        (["model.tflite"], "auto", "litert"),
        (["saved_model.pb"], "auto", "saved_model"),
        (["model.tflite", "saved_model.pb"], "saved_model", "saved_model"),
        (["model.tflite", "saved_model.pb"], "litert", "litert"),
    ],
)
def test_choice(tmp_path, files, wanted, chosen):
    """LiteRT runs what has a model.tflite, TensorFlow the rest, and the variable overrides."""
    for file in files:
        (tmp_path / file).touch()
    assert chosen == engines.choose_engine(tmp_path, wanted)


@pytest.mark.parametrize(
    ("file", "wanted"), [("card.json", "auto"), ("saved_model.pb", "litert"), ("model.tflite", "saved_model")]
)
def test_no_model(tmp_path, file, wanted):
    """A directory without a file for the engine is NOT_FOUND, and the file is named."""
    (tmp_path / file).touch()
    error = refused(tmp_path, wanted)
    assert StatusCode.NOT_FOUND == error.code
    assert str(tmp_path) in error.message


def test_unknown_engine(tmp_path):
    """A word that is no engine is refused with the ones that are."""
    assert "auto, litert or saved_model" in refused(tmp_path, "onnx").message


def test_saved_model_without_tensorflow(tmp_path, monkeypatch):
    """Where TensorFlow is not installed, a SavedModel's error says so."""
    from serving_api import serving_pb2 as pb

    graph = pb.MetaGraphDef(meta_info_def=pb.MetaGraphDef.MetaInfoDef(tags=["serve"]))
    (tmp_path / "saved_model.pb").write_bytes(pb.SavedModel(meta_graphs=[graph]).SerializeToString())
    monkeypatch.setitem(__import__("sys").modules, "tensorflow", None)
    with pytest.raises(StatusError) as failure:
        engines.load_engine(tmp_path, 1)
    assert StatusCode.FAILED_PRECONDITION == failure.value.code
    assert "TensorFlow, which is not installed" in failure.value.message
