"""One smoke run, exported, and the gate that every export passes."""

import dataclasses
import json
import shutil

import keras
import numpy as np
import pytest

from gateway.goldens import difference
from serving_api import serving_pb2 as pb
from serving_api.tensors import to_array
from serving_api.tfrecord import read_records
from training import data
from training.__main__ import main
from training.artefact import parity, serving
from training.artefact.drawings import write_folder
from training.artefact.export import ExportError, classifier, export, load_run
from training.artefact.rounding import fold_temperature, round_to_float16
from training.artefact.writer import write_saved_model
from training.config import ConfigError, load_config, smoke
from training.train import build_classifier, train

CONFIG = dataclasses.replace(smoke(load_config("pizza"), "mobilenet-0.25"), epochs=1, size=64, train_size=64)


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    folder = tmp_path_factory.mktemp("work")
    write_folder(folder / "data", CONFIG.labels, 40, 64)
    train(CONFIG, folder / "data", folder / "run")
    export(folder / "run", folder / "models")
    return folder


@pytest.fixture
def version(work):
    return work / "models" / "pizza" / "1"


def test_an_export_holds_all_of_contract_1(version):
    """Every file that the model servers, the gateway and the gate read."""
    files = {str(p.relative_to(version)) for p in version.rglob("*") if p.is_file()}

    assert files >= {
        "saved_model.pb", "variables/variables.index", "model.tflite", "card.json", "golden.json",
        "golden/pizza-square.png", "assets.extra/tf_serving_warmup_requests",
    }  # fmt: skip
    assert (version / "variables/variables.data-00000-of-00001").stat().st_size < 1_000_000  # each variable once


def test_both_engines_answer_as_training_code_does(version):
    """Weights are rounded before anything is recorded, so float16 costs nothing: far below what the gate allows."""
    differences = parity.check(version)

    assert differences["saved_model"] <= 1e-5
    assert differences["litert"] <= 1e-4


def test_rounding_a_rounded_model_changes_nothing(work):
    """What `load_run` gives holds only what float16 can hold, so rounding again leaves every weight where it is."""
    _, _, model = load_run(work / "run")
    before = [weights.copy() for weights in model.get_weights()]
    round_to_float16(model)
    assert all(np.allclose(a, b, rtol=1e-5, atol=1e-7) for a, b in zip(before, model.get_weights(), strict=True))


def test_probabilities_sum_to_one_for_any_batch(version):
    """uint8[N, H, W, 3] -> float32[N, 2], in both engines."""
    images = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), np.uint8)
    for name in serving.ENGINES:
        engine = serving.open_engine(version, name)
        probabilities = serving.classify(engine, images)
        engine.close()

        assert (probabilities.shape, probabilities.dtype) == ((3, 2), np.float32)
        assert np.allclose(probabilities.sum(axis=1), 1)


def test_describe_answers_labels_and_card_alike_in_both_engines(version):
    """The graph's constants are what card.json says."""
    keys = np.array([b"card", b"labels", b"other"], object)
    for name in serving.ENGINES:
        engine = serving.open_engine(version, name)
        card, labels, other = engine.run("describe", {"key": keys}, ["value"])["value"]
        engine.close()

        assert card.decode() == (version / "card.json").read_text(encoding="utf-8")
        assert json.loads(labels) == ["pizza", "not_pizza"]
        assert other == b""


def test_the_warm_up_is_a_request_that_the_model_takes(version):
    """One recorded Predict with a picture of the model's own size."""
    (record,) = read_records(version / "assets.extra" / "tf_serving_warmup_requests")
    request = pb.PredictionLog.FromString(record).predict_log.request

    assert (request.model_spec.name, request.model_spec.signature_name) == ("pizza", "serving_default")
    assert to_array(request.inputs["image"]).shape == (1, 64, 64, 3)


def test_the_card_says_where_the_model_comes_from(version):
    """Counts, content hash, interval, libraries: all there, and the counts are those of the data."""
    card = json.loads((version / "card.json").read_text(encoding="utf-8"))

    assert sum(card["data"]["counts"]["train"].values()) > 0
    assert len(card["data"]["content_sha256"]) == 64
    assert card["metrics"]["accuracy"]["low"] <= card["metrics"]["accuracy"]["value"]
    assert set(card["libraries"]) >= {"keras", "tensorflow"}


def test_a_mis_scaled_model_turns_the_gate_red(work, version, tmp_path):
    """The seed's bug: a graph that scales to 0..1 where training scaled by (x - 127) / 128."""
    broken = tmp_path / "1"
    shutil.copytree(version, broken)
    _, config, model = load_run(work / "run")
    wrong = build_classifier(config, config.size, None)
    wrong.set_weights(model.get_weights())
    image = keras.Input((config.size, config.size, 3))
    # Random weights answer nearly the same to everything: make the last layer speak up.
    fold_temperature(wrong, 0.01)
    write_saved_model(classifier(keras.Model(image, wrong(image / 255 * 128 + 127))), config, "{}", broken)

    with pytest.raises(parity.ParityError, match="saved_model"):
        parity.verify(broken)


def test_another_golden_picture_turns_the_gate_red(version, tmp_path):
    """A picture that was exchanged after training is found by its hash."""
    broken = tmp_path / "1"
    shutil.copytree(version, broken)
    shutil.copy(broken / "golden" / "sky.png", broken / "golden" / "salad.png")

    with pytest.raises(parity.ParityError, match=r"salad\.png"):
        parity.check(broken)


@pytest.mark.parametrize("answer", [np.full((2, 2), np.nan), np.zeros((2, 3))])
def test_nan_or_another_shape_is_an_infinite_difference(answer):
    """A comparison with NaN is false, which must not look like agreement."""
    assert difference(answer, np.zeros((2, 2))) == float("inf")


def test_a_version_is_never_overwritten_by_accident(work):
    """Exporting again needs --replace."""
    with pytest.raises(ExportError, match="exists"):
        export(work / "run", work / "models")


def test_a_failed_export_leaves_nothing(work, tmp_path, monkeypatch):
    """No half-written version is there for a model server to find."""
    monkeypatch.setattr(parity, "TOLERANCE", {"saved_model": -1.0, "litert": -1.0})

    with pytest.raises(parity.ParityError):
        export(work / "run", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_evaluate_and_check_print_figures(work, version, capsys):
    """The two verbs that prove a model from the command line."""
    assert main(["evaluate", "--model", str(version), "--data", str(work / "data"), "--split", "all"]) == 0
    assert "accuracy" in capsys.readouterr().out
    assert main(["check", str(version)]) == 0
    assert "litert" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "no-such-experiment"],
        ["train", "pizza", "--data", "/nowhere"],
        ["check", "/nowhere"],
        ["export", "/nowhere"],
        ["evaluate", "--model", "/nowhere", "--data", "/nowhere"],
    ],
)
def test_bad_input_is_one_sentence(arguments, capsys):
    """Status 1 and a message, never a stack trace."""
    assert main(arguments) == 1
    assert capsys.readouterr().err.startswith(f"training {arguments[0]}: ")


def test_an_experiment_never_fits_on_its_test_split(monkeypatch):
    """Such a config is refused when it is loaded."""
    from training.configs import pizza

    monkeypatch.setattr(pizza, "CONFIG", dataclasses.replace(pizza.CONFIG, fit_splits=data.SPLITS))

    with pytest.raises(ConfigError, match="test split"):
        load_config("pizza")
