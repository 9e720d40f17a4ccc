"""The life of a model server's process: versions come and go, requests are batched, SIGTERM drains.

The engine makes no difference to these rules, so LiteRT's is run: it starts in a second.
"""

import shutil
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from serving_api.channel import open_channel
from serving_api.client import ModelServer
from serving_api.deadline import Deadline
from tests.contract import small_model
from tests.contract.server_process import ServerProcess, wait_until

TOLERANCE = 1e-3
RELOAD_LIMIT_S = 30.0


class Rig:
    """A model directory that the test may change, its server, and our own client."""

    def __init__(self, models: Path, work_dir: Path, *flags: str) -> None:
        self.base, self._models, self._work_dir = work_dir / "small", models, work_dir
        self.add(1)
        flags = (f"--model_base_path={self.base}", "--model_name=small", "--file_system_poll_wait_seconds=1", *flags)
        self.server = ServerProcess(work_dir, list(flags), "litert")
        self.client = ModelServer(partial(open_channel, f"localhost:{self.server.grpc_port}"))

    def add(self, version: int, *, without: str = "") -> None:
        """Bring a version as a delivery does: whole, by a rename."""
        staged = self._work_dir / f"staged-{version}"
        source = self._models / "small" / str(2 - version % 2)
        shutil.copytree(source, staged)
        if without:
            (staged / without).write_bytes(b"broken")
        self.base.mkdir(exist_ok=True)
        staged.rename(self.base / str(version))

    def answer(self, images: np.ndarray) -> tuple[int, np.ndarray]:
        """Predict with the newest version."""
        answer = self.client.predict("small", {"image": images}, Deadline.after(30))
        return answer.version, answer.outputs["probabilities"]

    def states(self) -> dict[int, str]:
        """Give version -> state."""
        return {one.version: one.state for one in self.client.status("small", Deadline.after(30))}

    def wait_for(self, states: dict[int, str]) -> None:
        """Wait until the versions have these states."""
        wait_until(lambda: states == self.states(), RELOAD_LIMIT_S, lambda: f"{self.states()}\n{self.server.log()}")

    def close(self) -> int:
        """Stop both."""
        self.client.close()
        return self.server.stop()


@pytest.fixture
def rig(models: Path, tmp_path: Path) -> Iterator[Rig]:
    # The original's default is five retries a minute apart; here nothing is gained by waiting.
    rig = Rig(models, tmp_path, "--max_num_load_retries=0")
    yield rig
    rig.close()


def test_a_version_comes_and_goes(rig):
    """A newer version takes over when it appears, and the older one answers again when the newer one is removed."""
    images = small_model.pictures(2)
    assert 1 == rig.answer(images)[0]
    rig.add(2)
    rig.wait_for({2: "AVAILABLE", 1: "END"})
    version, probabilities = rig.answer(images)
    assert 2 == version
    np.testing.assert_allclose(probabilities, small_model.expected(images, 2), atol=TOLERANCE)
    shutil.rmtree(rig.base / "2")
    rig.wait_for({2: "END", 1: "AVAILABLE"})
    assert 1 == rig.answer(images)[0]


def test_no_call_fails_while_versions_change(rig):
    """Every call is answered while a version is replaced by the next."""
    images = small_model.pictures(1)
    rig.add(2)
    seen: set[int] = set()

    def both_seen() -> bool:
        seen.add(rig.answer(images)[0])
        return 2 in seen

    wait_until(both_seen, RELOAD_LIMIT_S, rig.server.log)
    rig.wait_for({2: "AVAILABLE", 1: "END"})


@pytest.mark.parametrize("broken", ["model.tflite", "card.json", "assets.extra/tf_serving_warmup_requests"])
def test_a_broken_version_leaves_the_old_one(rig, broken):
    """A version that does not load, or fails its warm-up, ends with an error while the old one serves on."""
    rig.add(2, without=broken)
    wait_until(lambda: rig.states().get(2) == "END", RELOAD_LIMIT_S, rig.server.log)
    failed = {one.version: one for one in rig.client.status("small", Deadline.after(30))}[2]
    assert failed.error_code
    assert failed.error_message
    assert "AVAILABLE" == rig.states()[1]
    assert 1 == rig.answer(small_model.pictures(1))[0]


def test_batched_requests_get_their_own_answers(models, tmp_path):
    """With batching on, requests of different sizes that share runs each get their own rows."""
    parameters = tmp_path / "batching.config"
    parameters.write_text("max_batch_size { value: 8 } batch_timeout_micros { value: 20000 }")
    rig = Rig(models, tmp_path, "--enable_batching=true", f"--batching_parameters_file={parameters}")
    batches = [small_model.pictures(1 + seed % 3, seed) for seed in range(30)]
    with ThreadPoolExecutor(10) as pool:
        for images, (_, probabilities) in zip(batches, pool.map(rig.answer, batches), strict=True):
            np.testing.assert_allclose(probabilities, small_model.expected(images, 1), atol=TOLERANCE)
    assert 0 == rig.close()


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_sigterm_answers_what_was_begun(models, tmp_path, transport):
    """SIGTERM lets a request under way be answered, and the process ends with status 0."""
    # A batch that waits for company holds the request in the server for as long as the test needs.
    parameters = tmp_path / "batching.config"
    parameters.write_text("max_batch_size { value: 8 } batch_timeout_micros { value: 3000000 }")
    rig = Rig(models, tmp_path, "--enable_batching=true", f"--batching_parameters_file={parameters}")
    images = small_model.pictures(2)

    def ask() -> np.ndarray:
        if transport == "grpc":
            return rig.answer(images)[1]
        status, body = rig.server.post("/v1/models/small:predict", {"instances": images.tolist()})
        assert 200 == status
        return np.array(body["predictions"])

    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(ask)
        time.sleep(1)  # on its way to the server, and there for two seconds more
        rig.server.process.terminate()
        np.testing.assert_allclose(pending.result(60), small_model.expected(images, 1), atol=TOLERANCE)
    assert 0 == rig.server.process.wait(60)
    rig.close()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_litert_leaves_tensorflow_alone(rig):
    """A server of models that have a model.tflite never loads TensorFlow."""
    rig.answer(small_model.pictures(1))
    mapped = Path(f"/proc/{rig.server.process.pid}/maps").read_text()
    assert "litert" in mapped
    assert "libtensorflow" not in mapped


def test_saved_model_is_chosen_where_no_litert_file_lies(models, tmp_path):
    """Without model.tflite the SavedModel is run; the choice needs no setting."""
    server = ServerProcess(tmp_path, [f"--model_base_path={models / 'pair'}", "--model_name=pair"])
    status, body = server.post("/v1/models/pair:predict", {"inputs": {"x": [[1, 2]], "tag": ["a"]}})
    assert (200, [3.0]) == (status, body["outputs"]["sum"])
    assert 0 == server.stop()
