"""`make train SMOKE=1`: a kind of drawing for each class, pictures that the backbone takes, and a model of any size."""

import pytest

from training.artefact.drawings import KINDS
from training.backbones import BACKBONES
from training.commands.train import _smoke
from training.config import load_config, smoke


@pytest.mark.parametrize("name", ["pizza", "clothing", "fashion-mnist"])
def test_no_two_classes_are_drawn_alike(name, monkeypatch, capsys):
    """Two classes of one kind would be near copies in two classes, which training refuses."""
    seen = {}

    def train(config, data, run):
        seen.update(config=config, labels=config.labels, folders={folder.name for folder in data.iterdir()})

    def export(run, models, **options):
        seen.update(options)

    monkeypatch.setattr("training.train.train", train)
    monkeypatch.setattr("training.artefact.export.export", export)
    assert 0 == _smoke(smoke(load_config(name)))
    assert 2 <= len(seen["labels"]) <= len(KINDS)
    assert set(seen["labels"]) == seen["folders"]
    assert seen["any_size"]
    assert BACKBONES[seen["config"].backbone].smallest <= (seen["config"].inner_size or seen["config"].size)
    assert f"smoke run of {name} " in capsys.readouterr().out
