"""What evaluation says of a model version, and what it refuses."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.unit.training.evaluation import small_versions
from training import data
from training.__main__ import main
from training.data.audit import audit
from training.evaluation.evaluate import answer, evaluate, read_card

ROOT = Path(__file__).parents[4]
MODELS = ROOT / "apps/model-server/models"


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """Draw data, and make version 1, which answers all of it rightly, and version 2, which takes two for salad."""
    folder = tmp_path_factory.mktemp("work")
    small_versions.write_data(folder / "data")
    small_versions.write_version(folder / "drawn/1")
    small_versions.write_version(folder / "drawn/2", 1.3)
    return folder


def test_a_version_is_measured_by_the_engine_that_runs_it(work):
    """Without model.tflite that is TensorFlow; version 2 calls two of sixty wrongly."""
    answers = answer(work / "drawn/2", work / "data", "all")

    assert "saved_model" == answers.engine
    assert [[28, 2], [0, 30]] == answers.summary()["confusion_matrix"]


def test_columns_follow_the_labels_asked_for(work):
    """Turned round, each class keeps its probability."""
    straight = answer(work / "drawn/1", work / "data", "all")
    turned = answer(work / "drawn/1", work / "data", "all", labels=("salad", "pizza"))
    rows = {e.sha256: row for e, row in zip(turned.examples, turned.probabilities, strict=True)}

    assert 60 == turned.right.sum()
    for example, row in zip(straight.examples, straight.probabilities, strict=True):
        assert row.tolist() == rows[example.sha256][::-1].tolist()


@pytest.mark.parametrize(
    ("fitted_on", "known", "expected"),
    [
        ([], True, None),
        (["train", "validation", "test"], True, "All 60 pictures were fitted on by this model"),
        (
            ["train"],
            True,
            "of 60 pictures were fitted on by this model (splits: train). These figures show how",
        ),
        (
            ["train"],
            False,
            "of 60 pictures lie in splits that this model was fitted on (train). If they are",
        ),
    ],
)
def test_pictures_that_the_model_was_fitted_on_are_said_aloud(work, tmp_path, fitted_on, known, expected):
    """For certain if the card's content hash is that of the pictures; else that they may be."""
    version = shutil.copytree(work / "drawn/1", tmp_path / "drawn/1")
    own = data.content_hash(*data.scan(work / "data", small_versions.LABELS))
    small_versions.write_card(version, data={"fitted_on": fitted_on, "content_sha256": own if known else "0"})
    answers = answer(version, work / "data", "all")

    assert (expected or "None") in str(answers.fitted.warning)
    assert (known and bool(fitted_on)) == answers.fitted.certain


def test_a_broken_picture_is_left_out_and_named(work, tmp_path, capsys):
    """What was trained with a broken file in its folder can be measured there, and its pictures are known again."""
    folder = shutil.copytree(work / "data", tmp_path / "data")
    (folder / "pizza" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnot at all")
    version = shutil.copytree(work / "drawn/1", tmp_path / "drawn/1")
    learnt = audit(folder, small_versions.LABELS)
    own = data.content_hash(learnt.examples, learnt.labels)
    small_versions.write_card(version, data={"fitted_on": ["train"], "content_sha256": own})
    answers = answer(version, folder, "all")

    assert 60 == len(answers.examples) == len(answers.probabilities)
    assert "broken.png" in capsys.readouterr().err
    assert answers.fitted.certain


def test_a_directory_without_card_is_no_model_version(tmp_path):
    """The sentence says what to name."""
    with pytest.raises(ValueError, match=r"is no model version: its card\.json .* such as apps/model-server/models/"):
        read_card(tmp_path)


def test_a_card_without_labels_is_refused(tmp_path):
    """The sentence says what is missing."""
    (tmp_path / "card.json").write_text('{"schema": 1, "input": {"height": 8}}')
    with pytest.raises(ValueError, match=r"card\.json does not tell labels\.$"):
        read_card(tmp_path)


def test_an_empty_split_says_what_there_is(work, tmp_path):
    """One picture a class, both in one split."""
    for label in small_versions.LABELS:
        (tmp_path / label).mkdir()
        found = [e.path for e in data.scan(work / "data")[0] if e.path.parent.name == label and e.split == "train"]
        (tmp_path / label / "one.png").write_bytes(found[0].read_bytes())
    with pytest.raises(data.DataError, match=r"has no picture in split 'test', but 2 in train; --split all"):
        evaluate(work / "drawn/1", tmp_path, "test")


def test_the_command_prints_json(work, capsys):
    """--json gives the numbers of the table."""
    assert 0 == main(
        ["evaluate", "--model", str(work / "drawn/2"), "--data", str(work / "data"), "--split", "all", "--json"]
    )
    assert {"value": 0.9667, "low": 0.8864, "high": 0.9908, "n": 60} == json.loads(capsys.readouterr().out)["accuracy"]


def test_a_report_is_html(work, capsys):
    """Another ending is a mistake, said before anything is measured."""
    status = main(["evaluate", "--model", "nowhere", "--data", str(work / "data"), "--report", "report.pdf"])

    assert (1, "training evaluate: --report writes an HTML file, and report.pdf does not end in .html.\n") == (
        status,
        capsys.readouterr().err,
    )


def test_the_report_holds_every_side_in_one_file(work, tmp_path, capsys):
    """Every section is there, nothing is loaded from elsewhere, and its numbers lie beside it."""
    report = tmp_path / "new" / "report.html"
    arguments = ["evaluate", "--model", str(work / "drawn/2"), "--data", str(work / "data"), "--split", "all"]
    assert 0 == main([*arguments, "--report", str(report)])
    html, numbers = report.read_text(), json.loads(report.with_suffix(".json").read_text())

    titles = ["Classes", "Calibration", "Mistakes", "What it looks at", "Kinds of pictures", "Damaged pictures"]
    assert [*titles, "One class against all others", "Latency", "Model card"] == re.findall(r"<h2>(.*?)</h2>", html)
    assert [] == re.findall(r"<script|<link|@import|src=\"(?!data:)|url\((?!#)", html)
    assert 2 == len(numbers["mistakes"])
    assert {"truth": "pizza", "said": "salad"} == {name: numbers["mistakes"][0][name] for name in ("truth", "said")}
    assert {"rotation", "blur", "JPEG", "brightness", "noise"} == set(numbers["robustness"])
    assert ["decode", "saved_model"] == [one["what"] for one in numbers["latency"]["one_picture"]]
    assert 0.9667 == numbers["robustness"]["rotation"]["accuracy"][0] == numbers["accuracy"]["value"]
    assert "Grad-CAM of the class that it says, read at" in html


def test_a_report_is_written_of_a_model_without_feature_map(work, tmp_path):
    """It says that there is no Grad-CAM, and everything else."""
    import tensorflow as tf

    module = tf.Module()
    size = small_versions.SIZE

    @tf.function(input_signature=[tf.TensorSpec((None, size, size, 3), tf.uint8, name="image")])
    def classify(image):
        mean = tf.reduce_mean(tf.cast(image, tf.float32), (1, 2))
        return {"probabilities": tf.nn.softmax((mean[:, :2] - 100) / 20)}

    module.classify = classify
    tf.saved_model.save(module, str(tmp_path / "flat/1"), signatures={"serving_default": classify})
    small_versions.write_card(tmp_path / "flat/1")
    arguments = ["evaluate", "--model", str(tmp_path / "flat/1"), "--data", str(work / "data"), "--split", "all"]

    assert 0 == main([*arguments, "--report", str(tmp_path / "report.html")])
    assert "has no feature map between picture and answer: no Grad-CAM." in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize("verb", ["evaluate", "compare"])
def test_bundled_models_are_measured_without_tensorflow(work, verb):
    """Evaluating and comparing load neither TensorFlow, nor matplotlib, SciPy or scikit-learn."""
    name = next(card.parents[1].name for card in sorted(MODELS.glob("*/*/card.json")))
    version = max((MODELS / name).glob("[0-9]*"), key=lambda path: int(path.name))
    labels = read_card(version)["labels"]
    folder = work / "bundled"
    small_versions.write_data(folder, tuple(labels), 2)
    models = ["--model", str(version)] if verb == "evaluate" else [str(version), str(version)]
    code = (
        "import sys; from training.__main__ import main; "
        f"status = main({[verb, *models, '--data', str(folder), '--split', 'all']!r}); "
        "heavy = {'tensorflow', 'keras', 'matplotlib', 'scipy', 'sklearn', 'jinja2'} & set(sys.modules); "
        "print(status, sorted(heavy), file=sys.stderr)"
    )
    paths = os.pathsep.join([str(ROOT), str(ROOT / "apps"), str(ROOT / "apps/model-server")])
    ran = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True, check=True
    )

    assert f"{0 if verb == 'evaluate' else 3} []" == ran.stderr.splitlines()[-1]
    assert ran.stdout


def test_probabilities_are_those_of_the_pictures_in_order(work):
    """More pictures than one batch: each row is what the model says of that picture alone."""
    answers = answer(work / "drawn/1", work / "data", "all")
    seen = answers.images.astype(float).mean(axis=(1, 2))
    greener = seen[:, 1] > seen[:, 0]

    assert greener.tolist() == (answers.predicted == 1).tolist()
    assert np.allclose(1, answers.probabilities.sum(axis=1))
