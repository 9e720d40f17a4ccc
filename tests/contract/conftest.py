"""Models and servers that the contract tests share."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract import small_model
from tests.contract.server_process import ServerProcess
from tools.models import DEFAULT, MODELS, versions

CONFIG = """
model_config_list {{
  config {{
    name: "small" base_path: "{models}/small" model_platform: "tensorflow"
    model_version_policy {{ all {{}} }}
    version_labels {{ key: "stable" value: 1 }}
    version_labels {{ key: "canary" value: 2 }}
  }}
  {more}
}}
"""
PAIR = 'config {{ name: "pair" base_path: "{models}/pair" model_platform: "tensorflow" }}'


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Export versions 1 and 2 of `small`, and `pair`."""
    root = tmp_path_factory.mktemp("models")
    for version in (1, 2):
        small_model.export_small(root / "small" / str(version), version)
    small_model.export_pair(root / "pair" / "1")
    return root


@pytest.fixture(scope="session")
def litert_server(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Serve both versions of `small` in LiteRT."""
    yield from _serve(models, tmp_path_factory.mktemp("litert"), "litert", "")


@pytest.fixture(scope="session")
def saved_model_server(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Serve both versions of `small`, and `pair`, in TensorFlow."""
    yield from _serve(models, tmp_path_factory.mktemp("saved_model"), "saved_model", PAIR.format(models=models))


@pytest.fixture(params=["litert", "saved_model"])
def server(request: pytest.FixtureRequest) -> ServerProcess:
    """Give each engine's server in turn; a test must leave it as it was."""
    return request.getfixturevalue(f"{request.param}_server")


@pytest.fixture(scope="session")
def mis_scaled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The seed's bug: the model's weights behind another input scaling, exported with the right model's goldens."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras
    import tensorflow as tf

    right = MODELS / DEFAULT / str(versions(DEFAULT)[-1])
    wrong = tmp_path_factory.mktemp("mis-scaled") / "1"
    loaded = tf.saved_model.load(str(right))
    serve = loaded.signatures["serving_default"]
    shape = serve.structured_input_signature[1]["image"].shape[1:]

    def scaled_wrongly(image):
        # Served as x / 127.5 - 1 where the graph wants 0..255, then back to bytes: what a wrong `Rescaling` shows it.
        pixels = tf.clip_by_value((tf.cast(image, tf.float32) / 127.5 - 1) * 255, 0, 255)
        return serve(image=tf.cast(pixels, tf.uint8))

    archive = keras.export.ExportArchive()
    archive._tf_trackable.loaded = loaded
    archive.add_endpoint(
        "serving_default", scaled_wrongly, input_signature=[tf.TensorSpec((None, *shape), tf.uint8, name="image")]
    )
    archive.add_endpoint(
        "describe",
        lambda key: loaded.signatures["describe"](key=key),
        input_signature=[tf.TensorSpec((None,), tf.string, name="key")],
    )
    archive.write_out(str(wrong), verbose=False)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(wrong), signature_keys=["serving_default"])
    (wrong / "model.tflite").write_bytes(converter.convert())
    for name in ("card.json", "golden.json"):
        shutil.copy(right / name, wrong / name)
    shutil.copytree(right / "golden", wrong / "golden")
    return wrong


def _serve(models: Path, work_dir: Path, engine: str, more: str) -> Iterator[ServerProcess]:
    config, monitoring = work_dir / "models.config", work_dir / "monitoring.config"
    config.write_text(CONFIG.format(models=models, more=more))
    monitoring.write_text('prometheus_config { enable: true path: "/monitoring/prometheus/metrics" }')
    flags = [
        f"--model_config_file={config}",
        f"--monitoring_config_file={monitoring}",
        "--allow_version_labels_for_unavailable_models=true",
        "--enable_grpc_healthcheck_service=true",
    ]
    running = ServerProcess(work_dir, flags, engine)
    yield running
    running.stop()
