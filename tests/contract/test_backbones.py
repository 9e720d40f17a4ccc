"""Backbones from training to the wire: trained for an epoch, exported, and asked over gRPC in both engines."""

import dataclasses
import json
from functools import partial

import numpy as np
import pytest

from gateway.goldens import difference
from gateway.pictures import to_tensor
from serving_api.channel import open_channel
from serving_api.client import ModelServer
from serving_api.deadline import Deadline
from tests.contract.server_process import ServerProcess
from tools.models import write_model_config
from training.artefact import drawings, parity
from training.artefact.export import export
from training.config import load_config, smoke
from training.train import train

FAST = ("mobilenet-0.25", "small-cnn")
SLOW = (
    "vgg16", "inception-v3", "xception", "efficientnet-b3", "efficientnet-b5",  # the seeds' five
    "mobilenet-v3-small", "mobilenet-v3-large", "efficientnet-v2-b0", "convnext-tiny", "efficientnet-lite2",
)  # fmt: skip
ENGINES = ("litert", "saved_model")


@pytest.mark.parametrize("backbone", [*FAST, *(pytest.param(name, marks=pytest.mark.backbones) for name in SLOW)])
def test_a_backbone_is_served_as_it_was_trained(backbone, tmp_path):
    """The embedded server, asked over gRPC, answers every golden as training code did, in each engine."""
    drawings.write_folder(tmp_path / "data", load_config("pizza").labels, 30, 80)
    name = backbone.replace(".", "-")
    config = dataclasses.replace(smoke(load_config("pizza"), backbone), name=name, epochs=1)
    train(config, tmp_path / "data", tmp_path / "run")
    version = export(tmp_path / "run", tmp_path / "models", any_size=True)
    write_model_config(tmp_path / "models.config", [name], tmp_path / "models")
    files, expected = parity.read_golden(version)
    images = np.stack([to_tensor(file, config.size, config.size) for file in files])

    assert backbone == json.loads((version / "card.json").read_text())["backbone"]
    for engine in ENGINES:
        assert difference(_served(engine, name, images, tmp_path), expected) <= 1e-3, engine


def _served(engine, name, images, folder):
    """Start the server in an engine, and ask it: float32[N, K]."""
    server = ServerProcess(folder, [f"--model_config_file={folder / 'models.config'}"], engine)
    client = ModelServer(partial(open_channel, f"localhost:{server.grpc_port}"))
    try:
        return client.predict(name, {"image": images}, Deadline.after(120)).outputs["probabilities"]
    finally:
        client.close()
        server.stop()
