"""The engines on real files: the same answers, and a clear error for files that do not fit together."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from grpc import StatusCode

from model_server.engines import ENGINE_VARIABLE, Engine, load_engine
from model_server.errors import StatusError
from serving_api import serving_pb2 as pb
from tests.contract import small_model

TOLERANCE = {"litert": 1e-3, "saved_model": 1e-5}  # float16 weights; float32


@pytest.fixture(params=["litert", "saved_model"])
def name(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Choose each engine in turn."""
    monkeypatch.setenv(ENGINE_VARIABLE, request.param)
    return request.param


@pytest.fixture
def version_dir(models: Path, tmp_path: Path) -> Path:
    """Copy version 1 of `small`, for the test to damage."""
    return Path(shutil.copytree(models / "small" / "1", tmp_path / "1"))


def load_error(version_dir: Path) -> StatusError:
    with pytest.raises(StatusError) as failure:
        load_engine(version_dir, 1)
    return failure.value


def probabilities(engine: Engine, images: np.ndarray) -> np.ndarray:
    return engine.run("serving_default", {"image": images}, ["probabilities"])["probabilities"]


@pytest.mark.parametrize("count", [0, 1, 5])
def test_rows(version_dir, name, count):
    """Any number of rows, none included, is answered with as many."""
    engine = load_engine(version_dir, 2)
    images = small_model.pictures(count)
    answer = probabilities(engine, images)
    assert (count, 3) == answer.shape
    assert np.float32 == answer.dtype
    np.testing.assert_allclose(answer, small_model.expected(images, 1), atol=TOLERANCE[name])
    engine.close()


def test_read_only_input(version_dir, name):
    """An input may be a read-only view of a message, as `to_array` gives it."""
    images = small_model.pictures(2)
    images.flags.writeable = False
    engine = load_engine(version_dir, 1)
    np.testing.assert_allclose(probabilities(engine, images), small_model.expected(images, 1), atol=TOLERANCE[name])


def test_threads(version_dir, name):
    """Threads that share an engine get their own answers."""
    engine = load_engine(version_dir, 1)
    batches = [small_model.pictures(3, seed) for seed in range(50)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda images: probabilities(engine, images), batches))
    for images, answer in zip(batches, answers, strict=True):
        np.testing.assert_allclose(answer, small_model.expected(images, 1), atol=TOLERANCE[name])


def test_answers_outlive_the_next_run(version_dir, name):
    """An answer is a copy: the next run does not write over it."""
    engine = load_engine(version_dir, 1)
    first = probabilities(engine, small_model.pictures(1))
    kept = first.copy()
    probabilities(engine, small_model.pictures(1, seed=5))
    np.testing.assert_array_equal(kept, first)


def test_signatures_are_the_same(version_dir, monkeypatch):
    """Metadata does not tell which engine runs the model."""
    monkeypatch.setenv(ENGINE_VARIABLE, "litert")
    litert = load_engine(version_dir, 1)
    monkeypatch.setenv(ENGINE_VARIABLE, "saved_model")
    saved_model = load_engine(version_dir, 1)
    assert dict(saved_model.signatures) == dict(litert.signatures)
    assert (True, True) == (saved_model.batchable, litert.batchable)


def test_input_that_the_model_cannot_take(version_dir, name):
    """An input that passed no check before is INVALID_ARGUMENT, and the engine still answers the next one."""
    engine = load_engine(version_dir, 1)
    with pytest.raises(StatusError) as failure:
        probabilities(engine, small_model.pictures(1)[:, :4])
    assert StatusCode.INVALID_ARGUMENT == failure.value.code
    assert (1, 3) == probabilities(engine, small_model.pictures(1)).shape


def test_litert_file_alone(version_dir):
    """A model.tflite with a card needs no SavedModel: signatures come from the file, `describe` from the card."""
    (version_dir / "saved_model.pb").unlink()
    engine = load_engine(version_dir, 1)
    signature = engine.signatures["serving_default"]
    image = signature.inputs["image"]
    assert (pb.DT_UINT8, [-1, 8, 8, 3]) == (image.dtype, [dim.size for dim in image.tensor_shape.dim])
    assert "tensorflow/serving/predict" == signature.method_name
    answer = engine.run("describe", {"key": np.array([b"labels"], dtype=object)}, ["value"])
    assert small_model.LABELS == json.loads(answer["value"][0])


def test_signature_that_only_tensorflow_can_run(version_dir):
    """Without a card LiteRT cannot describe the model, and says so."""
    (version_dir / "card.json").unlink()
    with pytest.raises(StatusError) as failure:
        load_engine(version_dir, 1).run("describe", {"key": np.array([b"card"], dtype=object)}, ["value"])
    assert StatusCode.UNIMPLEMENTED == failure.value.code


def test_signature_of_an_operation(version_dir, monkeypatch):
    """The init op is among the signatures, but has nothing to answer."""
    monkeypatch.setenv(ENGINE_VARIABLE, "saved_model")
    init = "__saved_model_init_op"
    with pytest.raises(StatusError, match="has no value") as failure:
        load_engine(version_dir, 1).run(init, {}, [init])
    assert StatusCode.INVALID_ARGUMENT == failure.value.code


@pytest.mark.parametrize("content", [b"", b"no model at all" * 50, None], ids=["empty", "garbage", "cut short"])
def test_broken_litert_file(version_dir, content):
    """A model.tflite that is none is refused with its path."""
    path = version_dir / "model.tflite"
    path.write_bytes(path.read_bytes()[:2000] if content is None else content)
    error = load_error(version_dir)
    assert StatusCode.INVALID_ARGUMENT == error.code
    assert str(path) in error.message


def test_litert_file_of_another_model(models, version_dir):
    """A model.tflite whose tensors are not the SavedModel's is refused."""
    shutil.copy(models / "pair" / "1" / "saved_model.pb", version_dir)
    assert StatusCode.INVALID_ARGUMENT == load_error(version_dir).code


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"labels": "cat"}', "{"])
def test_broken_card(version_dir, text):
    """A card without a list of labels is refused with its path."""
    (version_dir / "card.json").write_text(text)
    error = load_error(version_dir)
    assert StatusCode.INVALID_ARGUMENT == error.code
    assert "card.json" in error.message


def test_lone_tensor_of_another_name(version_dir):
    """A converter that starts from a Keras model renames tensors: a lone one is still found."""
    tf, keras = small_model._tensorflow()
    kernel, bias = small_model.weights(1)
    model = keras.Sequential(
        [
            keras.layers.InputLayer(small_model.SHAPE, dtype="uint8", name="anything"),
            keras.layers.Rescaling(1 / 127.5, offset=-1),
            keras.layers.Flatten(),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    model.layers[-1].set_weights([kernel, bias])
    (version_dir / "model.tflite").write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())
    images = small_model.pictures(2)
    np.testing.assert_allclose(
        probabilities(load_engine(version_dir, 1), images), small_model.expected(images, 1), atol=1e-5
    )


def test_broken_saved_model(version_dir, monkeypatch):
    """A saved_model.pb that is none is refused."""
    monkeypatch.setenv(ENGINE_VARIABLE, "saved_model")
    (version_dir / "saved_model.pb").write_bytes(b"\xff" * 100)
    assert StatusCode.DATA_LOSS == load_error(version_dir).code


def test_saved_model_without_variables(version_dir, monkeypatch):
    """Missing variables are found at once; the original loads such a version, and fails its warm-up or every call."""
    monkeypatch.setenv(ENGINE_VARIABLE, "saved_model")
    shutil.rmtree(version_dir / "variables")
    assert StatusCode.INVALID_ARGUMENT == load_error(version_dir).code


def test_saved_model_with_damaged_variables(version_dir, monkeypatch):
    """Variables that cannot be restored keep the version from loading."""
    monkeypatch.setenv(ENGINE_VARIABLE, "saved_model")
    (version_dir / "variables" / "variables.index").write_bytes(b"damaged")
    assert StatusCode.DATA_LOSS == load_error(version_dir).code
