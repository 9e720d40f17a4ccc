"""A fit goes on after a kill from its last whole epoch, and goes back to its best one where it is told to watch."""

import json
import subprocess
import sys
import time
from dataclasses import asdict, replace

import numpy as np
import pytest

from training.artefact.drawings import write_folder
from training.config import Config, smoke
from training.data.audit import audit
from training.fit import fit
from training.pictures import Pictures

CONFIG = replace(
    smoke(
        Config(
            name="small", version=1, task="", labels=("pizza", "salad", "sky"), data_name="", source="",
            intended_use="", limits=(), size=28,
        ),
        "small-cnn",
    ),
    epochs=5,
)  # fmt: skip
PROGRAM = """
import json, sys
from pathlib import Path
from tests.unit.training.test_checkpoints import pictures, fit, Config
config = Config(**json.loads(sys.argv[1]))
_, history = fit(config, pictures(Path(sys.argv[2])).of_splits(["train"]), Path(sys.argv[3]))
print(json.dumps(history))
"""


def pictures(folder):
    return Pictures.of(audit(folder, CONFIG.labels).examples, None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_folder(folder, CONFIG.labels, 60, 32)
    return folder


def _start(folder, run):
    command = [sys.executable, "-c", PROGRAM, json.dumps(asdict(CONFIG)), str(folder), str(run)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def test_a_killed_fit_loses_at_most_one_epoch_and_ends_as_good(folder, tmp_path):
    """SIGKILL in the middle; the second process does the rest, and its loss is that of a run left alone."""
    process = _start(folder, tmp_path / "killed")
    deadline = time.monotonic() + 120
    while not (tmp_path / "killed/checkpoints/epoch-0002").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.wait()
    kept = max((tmp_path / "killed/checkpoints").glob("epoch-????"))  # the one before may not be gone yet
    before = json.loads((kept / "state.json").read_text())
    assert 2 <= len(before) < CONFIG.epochs

    resumed, alone = _start(folder, tmp_path / "killed"), _start(folder, tmp_path / "alone")
    history, whole = json.loads(resumed.communicate()[0]), json.loads(alone.communicate()[0])
    assert before == history[: len(before)]
    assert len(whole) == len(history) == CONFIG.epochs
    assert history[-1]["loss"] == pytest.approx(whole[-1]["loss"], abs=0.15)
    assert whole[-1]["loss"] < whole[0]["loss"] - 0.15


def test_half_a_checkpoint_is_none(folder, tmp_path):
    """What a kill left while an epoch was being written is thrown away, and a finished fit is not done again."""
    part, config = pictures(folder).of_splits(["train"]), replace(CONFIG, epochs=2)
    (tmp_path / "checkpoints/epoch-0009.partial").mkdir(parents=True)
    first, history = fit(config, part, tmp_path)
    assert 2 == len(history)
    again, same = fit(config, part, tmp_path)
    assert history == same
    assert all(np.array_equal(a, b) for a, b in zip(first.get_weights(), again.get_weights(), strict=True))
    assert ["epoch-0002"] == [path.name for path in (tmp_path / "checkpoints").iterdir()]


def test_without_progress_on_validation_a_fit_stops_and_goes_back(folder, tmp_path):
    """With a rate that ruins the model, the weights that come out are those of the best epoch."""
    everything = pictures(folder)
    config = replace(CONFIG, epochs=12, patience=2, learning_rate=3.0)
    _, history = fit(config, everything.of_splits(["train"]), tmp_path, everything.of_splits(["validation"]))
    losses = [epoch["val_loss"] for epoch in history]
    assert len(history) - 1 - int(np.argmin(losses)) == 2 < len(history) < 12
