"""`training new` adds a fourth classifier: the real servers serve it without another edit."""

import json
import subprocess
import sys
import urllib.request

import pytest

from tests.conftest import FOURTH, FOURTH_LABELS, FOURTH_TASK
from tests.contract.running import ROOT, Running
from tools.models import DEFAULT, bundled_models, read_list
from training.artefact import parity

PARTS = (f"apps/model-server/models/{FOURTH}/1", f"training/configs/{FOURTH}.py", "apps/model-server/models.config")


@pytest.fixture(scope="module")
def running(fourth_repository):
    """`make run` over the tree's models."""
    started = Running("--models", str(fourth_repository / "apps/model-server/models"))
    assert started.process.poll() is None, started.words
    yield started
    started.stop()


def test_every_part_is_written_and_named(fourth_repository):
    """Model, experiment and entry are there, and the command's last line commits just these."""
    said = (fourth_repository / "said.txt").read_text()
    assert all((fourth_repository / part).exists() for part in PARTS)
    assert f"git add {' '.join(PARTS)} && git commit" in said.splitlines()[-1]
    models = fourth_repository / "apps/model-server/models"
    assert [DEFAULT, FOURTH] == bundled_models(models)
    assert [DEFAULT, FOURTH] == [
        model.name for model in read_list(models.with_name("models.config")).model_config_list.config
    ][:2]


def test_the_version_keeps_the_contract(fourth_repository):
    """Both engines answer the new model's goldens as training did, and its card says what it was told."""
    version = fourth_repository / PARTS[0]
    assert set(parity.TOLERANCE) == set(parity.verify(version))
    card = json.loads((version / "card.json").read_text())
    assert (FOURTH, 1, FOURTH_TASK) == (card["name"], card["version"], card["task"])
    assert list(FOURTH_LABELS) == card["labels"]


def test_the_experiment_makes_it_again(fourth_repository):
    """The experiment that was written is the one that the run's record names."""
    module = {}
    exec(compile((fourth_repository / PARTS[1]).read_text(), "config", "exec"), module)
    record = json.loads((fourth_repository / "runs" / FOURTH / "run.json").read_text())
    assert record["config"] == json.loads(json.dumps(vars(module["CONFIG"])))


def test_the_gateway_lists_it(running):
    """GET /v1/models has the new classifier after the default one, ready, with its own labels and task."""
    with urllib.request.urlopen(f"{running.address}/v1/models", timeout=10) as response:
        answer = json.load(response)
    assert DEFAULT == answer["default"]
    assert [DEFAULT, FOURTH] == [model["name"] for model in answer["models"]]
    fourth = answer["models"][1]
    assert ("AVAILABLE", list(FOURTH_LABELS), FOURTH_TASK) == (fourth["state"], fourth["labels"], fourth["task"])


def test_it_classifies_drawn_pictures(running, fourth_repository):
    """Pictures of each class, sent to the gateway, are called what they are."""
    pictures = {label: sorted((fourth_repository / "drawn" / label).iterdir())[:5] for label in FOURTH_LABELS}
    said = {
        label: [
            running.post(file.read_bytes(), "image/png", f"/v1/models/{FOURTH}:predict")["predictions"][0]["label"]
            for file in files
        ]
        for label, files in pictures.items()
    }
    assert {label: [label] * 5 for label in FOURTH_LABELS} == said


def test_its_name_is_taken_afterwards(fourth_repository):
    """The same command once more is refused in one line and changes nothing."""
    command = [
        sys.executable, "-m", "training", "new", FOURTH, "--data", str(fourth_repository / "drawn"),
        "--repository", str(fourth_repository),
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert 1 == done.returncode
    assert f"training new: There is a '{FOURTH}' already" in done.stderr.splitlines()[-1]
