"""Backbones from training to the wire: trained for an epoch, exported, and asked over gRPC in both engines."""

import dataclasses
import json

import numpy as np
import pytest

from gateway.pictures import to_tensor
from serving_api.channel import open_channel
from serving_api.client import ModelServer
from serving_api.deadline import Deadline
from tests.contract.server_process import ServerProcess
from tools.models import write_model_config
from training import drawings, parity
from training.config import load_config, smoke
from training.export import export
from training.train import train

FAST = ("mobilenet-0.25", "small-cnn")
SEEDS = ("xception", "efficientnet-b3", "efficientnet-b5", "inception-v3", "vgg16")
OTHERS = ("mobilenet-v3-small", "mobilenet-v3-large", "efficientnet-v2-b0", "convnext-tiny", "efficientnet-lite2")


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(FAST, id="fast"),
        pytest.param(SEEDS, id="seeds", marks=pytest.mark.backbones),
        pytest.param(OTHERS, id="others", marks=pytest.mark.backbones),
    ],
)
def models(request, tmp_path_factory):
    """Train each backbone of a group on drawn pictures, without downloaded weights, and export it."""
    root = tmp_path_factory.mktemp("backbones")
    pizza = load_config("pizza")
    drawings.write_folder(root / "data", pizza.labels, 40, 80)
    for backbone in request.param:
        name = backbone.replace(".", "-")
        config = dataclasses.replace(smoke(pizza, backbone), name=name, epochs=1)
        train(config, root / "data", root / name)
        export(root / name, root / "models", any_size=True)
    return root / "models"


@pytest.mark.parametrize("engine", ["litert", "saved_model"])
def test_a_backbone_is_served_as_it_was_trained(engine, models, tmp_path):
    """The embedded server, asked over gRPC, answers every golden as training code did; its card names the backbone."""
    names = sorted(path.name for path in models.iterdir())
    write_model_config(tmp_path / "models.config", names, models)
    server = ServerProcess(tmp_path, [f"--model_config_file={tmp_path / 'models.config'}"], engine)
    client = ModelServer(open_channel(f"localhost:{server.grpc_port}"))
    try:
        for name in names:
            files, expected = parity.read_golden(models / name / "1")
            card = json.loads((models / name / "1" / "card.json").read_text())
            images = np.stack([to_tensor(file, card["input"]["height"], card["input"]["width"]) for file in files])
            answer = client.predict(name, {"image": images}, Deadline.after(120))

            assert name == card["backbone"].replace(".", "-")
            assert parity.difference(answer.outputs["probabilities"], expected) <= 1e-3, name
    finally:
        client.close()
        server.stop()
