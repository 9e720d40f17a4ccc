"""No train/serve skew: every way of running a bundled model answers its goldens as the training code did."""

import base64
import json
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from gateway.goldens import difference
from gateway.pictures import to_tensor
from serving_api.channel import open_channel
from serving_api.client import ModelServer
from serving_api.deadline import Deadline
from tests.contract.running import Running
from tools.models import MODELS, bundled_models, versions
from training.artefact import parity

NEWEST = [MODELS / name / str(versions(name)[-1]) for name in bundled_models()]
SERVED_TOLERANCE = 1e-2


@pytest.fixture(scope="module", params=["litert", "saved_model"])
def running(request):
    """The whole stack, with each engine of the model server."""
    started = Running(MODEL_SERVER_ENGINE=request.param)
    assert started.process.poll() is None, started.words
    yield started
    started.stop()


@pytest.mark.parametrize("model", NEWEST, ids=lambda path: path.parent.name)
def test_both_engines_answer_as_training_did(model):
    """SavedModel within 0.001 and LiteRT within 0.01 of the probabilities that the training code computed."""
    assert set(parity.TOLERANCE) == set(parity.verify(model))
    assert {"saved_model": 1e-3, "litert": 1e-2} == dict(parity.TOLERANCE)


@pytest.mark.parametrize("model", NEWEST, ids=lambda path: path.parent.name)
def test_live_grpc_answers_as_training_did(running, model):
    """The running model server, asked over gRPC, is within 0.01 on every golden."""
    files, expected = parity.read_golden(model)
    card = json.loads((model / "card.json").read_text())
    images = np.stack([to_tensor(file, card["input"]["height"], card["input"]["width"]) for file in files])
    server = ModelServer(partial(open_channel, f"localhost:{running.ports[1]}"))
    answer = server.predict(model.parent.name, {"image": images}, Deadline.after(60))
    server.close()
    assert int(model.name) == answer.version
    assert difference(answer.outputs["probabilities"], expected) <= SERVED_TOLERANCE


@pytest.mark.parametrize("model", NEWEST, ids=lambda path: path.parent.name)
def test_the_gateway_answers_as_training_did(running, model):
    """The gateway, sent the picture files, is within 0.01 on every golden, labels included."""
    files, expected = parity.read_golden(model)
    body = {"instances": [{"b64": base64.b64encode(file).decode()} for file in files]}
    answer = running.post(json.dumps(body).encode(), "application/json", f"/v1/models/{model.parent.name}:predict")
    labels = json.loads((model / "card.json").read_text())["labels"]
    actual = np.array([[one["probabilities"][label] for label in labels] for one in answer["predictions"]])
    assert difference(actual, expected) <= SERVED_TOLERANCE


@pytest.mark.parametrize("model", NEWEST, ids=lambda path: path.parent.name)
def test_rows_are_probabilities_and_goldens_differ(model):
    """Goldens can notice something: rows sum to 1, and the pictures do not all get one answer."""
    _, expected = parity.read_golden(model)
    np.testing.assert_allclose(expected.sum(axis=1), 1, atol=1e-4)
    assert np.ptp(expected, axis=0).max() > 0.2


def test_a_mis_scaled_model_turns_the_gate_red(mis_scaled):
    """A model that scales its input otherwise than training did loads, answers, and is refused in both engines."""
    differences = parity.check(mis_scaled)
    assert all(differences[engine] > 10 * parity.TOLERANCE[engine] for engine in parity.TOLERANCE), differences
    with pytest.raises(parity.ParityError, match="Look at scaling"):
        parity.verify(mis_scaled)


def test_an_exchanged_golden_turns_the_gate_red(tmp_path):
    """A golden picture that is not the recorded one is refused, so nobody draws the target around the shot."""
    copied = tmp_path / "1"
    shutil.copytree(NEWEST[0], copied)
    first, second, *_ = sorted(Path(copied, "golden").iterdir())
    shutil.copy(second, first)
    with pytest.raises(parity.ParityError, match="is not the picture"):
        parity.verify(copied)
