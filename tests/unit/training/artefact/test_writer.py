"""What a version must not hold: labels that nobody can tell apart, files too large for Git, a name no service takes."""

import shutil

import numpy as np
import pytest
import tensorflow as tf

from training.artefact import writer
from training.artefact.parity import ParityError
from training.artefact.writer import ExportError, Subject

SUBJECT = Subject("levels", 1, ("dark", "bright"), 16)


def _classify(image):
    """Call a picture bright by its mean: enough of a model to be exported and proved."""
    level = tf.reduce_mean(image, axis=[1, 2, 3])[:, None] / 32 - 4
    return tf.nn.softmax(tf.concat([-level, level], axis=1))


def _write(models, subject=SUBJECT, **options):
    with writer.new_version(models, subject, **{"replace": False, "any_size": False} | options) as directory:
        writer.write_version(_classify, subject, {"labels": list(subject.labels)}, directory)


@pytest.mark.parametrize(
    ("labels", "classes", "message"),
    [
        (["a", "b"], 3, r"2 labels \(a, b\), but the model answers 3"),
        (["a"], 1, "two labels or more"),
        (["a", "a"], 2, "'a' and 'a' are the same"),
        (["Shirt", "shirt"], 2, "'Shirt' and 'shirt' are the same"),
        (["ﬁn", "fin"], 2, "are the same name"),  # a ligature, which looks alike
        (["a", ""], 2, "'' is empty"),
        (["a", " b"], 2, "begins or ends with a space"),
        (["a", "b\n"], 2, "begins or ends with a space"),
        (["a", "b\x07c"], 2, "control character"),
        (["a", "b\u202ec"], 2, "control character"),  # turns what follows it around
    ],
)
def test_labels_that_will_not_do_are_refused(labels, classes, message):
    """Too few, too many, alike, empty, or not printable: the message names the label."""
    with pytest.raises(ExportError, match=message):
        writer.check_labels(labels, classes)


def test_labels_of_any_language_will_do():
    """Letters, spaces and dashes of any script."""
    writer.check_labels(["not_pizza", "t-shirt", "Hosenträger", "靴 下"], 4)


@pytest.mark.parametrize(("name", "version"), [("Levels", 1), ("../x", 1), ("a_b", 1), ("1st", 1), ("", 1), ("ok", 0)])
def test_a_name_or_version_that_no_server_takes_is_refused(name, version, tmp_path):
    """It becomes a folder, an address and a Kubernetes name."""
    with pytest.raises(ExportError, match="a name takes a-z"):
        writer.check_target(tmp_path, Subject(name, version, ("a", "b"), 8), replace=False, any_size=False)


def test_a_file_above_20_mb_is_refused_with_what_to_do(tmp_path, monkeypatch):
    """The refusal names the file, the limit and the OCI image; --any-size writes it elsewhere."""
    monkeypatch.setattr(writer, "MAX_FILE_BYTES", 10_000)
    with pytest.raises(ExportError, match=r"at most 0 MB go into Git\..*--any-size.*OCI image"):
        _write(tmp_path / "models")
    assert [] == list((tmp_path / "models").iterdir())

    _write(tmp_path / "models", any_size=True)
    assert (tmp_path / "models" / "levels" / "1" / "model.tflite").exists()


def test_any_size_never_writes_into_the_repository():
    """Its own folder of models is what Git holds."""
    with pytest.raises(ExportError, match="--any-size is for models outside of Git"):
        writer.check_target(writer.BUNDLED, SUBJECT, replace=False, any_size=True)


def test_all_models_together_are_weighed(tmp_path, monkeypatch, capsys):
    """Over 90 MB in the repository's folder a warning says what to do; a version that is replaced counts once."""
    monkeypatch.setattr(writer, "BUNDLED", tmp_path)
    _write(tmp_path)
    total = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    monkeypatch.setattr(writer, "MAX_TOTAL_BYTES", int(total * 1.5))

    _write(tmp_path, replace=True)
    assert "all models together" not in capsys.readouterr().err
    _write(tmp_path, Subject("others", 1, SUBJECT.labels, 16))
    assert "git rm -r" in capsys.readouterr().err
    assert ["levels", "others"] == sorted(path.name for path in tmp_path.iterdir())


def test_a_version_that_fails_its_gate_replaces_nothing(tmp_path, monkeypatch):
    """The old version stays where it is, whole."""
    _write(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    monkeypatch.setattr("training.artefact.parity.TOLERANCE", {"saved_model": -1.0, "litert": -1.0})
    with pytest.raises(ParityError):
        _write(tmp_path, replace=True)

    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}


def test_what_litert_cannot_convert_is_one_sentence(tmp_path):
    """An operation without a twin in LiteRT."""

    def classify(image):
        return tf.nn.softmax(_classify(tf.ensure_shape(tf.py_function(tf.identity, [image], tf.float32), image.shape)))

    with (
        pytest.raises(ExportError, match="cannot be converted to LiteRT"),
        writer.new_version(tmp_path, SUBJECT, replace=False, any_size=False) as directory,
    ):
        writer.write_version(classify, SUBJECT, {"labels": ["dark", "bright"]}, directory)


def test_the_list_of_models_follows(tmp_path):
    """models.config beside the folder names what lies in it; without such a file nothing is written."""
    _write(tmp_path / "models")
    writer.update_list_beside(tmp_path / "models")
    assert not (tmp_path / "models.config").exists()
    (tmp_path / "models.config").touch()
    writer.update_list_beside(tmp_path / "models")

    assert 'name: "levels"' in (tmp_path / "models.config").read_text()
    shutil.rmtree(tmp_path / "models" / "levels")
    writer.update_list_beside(tmp_path / "models")
    assert "levels" not in (tmp_path / "models.config").read_text()


def test_goldens_are_recorded_as_classified(tmp_path):
    """The probabilities of golden.json are those of the function that was exported, label by label."""
    _write(tmp_path)
    from training.artefact.parity import read_golden

    files, expected = read_golden(tmp_path / "levels" / "1")
    assert (len(files), 2) == expected.shape
    np.testing.assert_allclose(expected.sum(axis=1), 1, atol=1e-5)
