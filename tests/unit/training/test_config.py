"""An experiment that makes no sense is refused before minutes are spent on it."""

import dataclasses
import re
from importlib import import_module
from pathlib import Path

import pytest

from training import configs
from training.backbones import BACKBONES
from training.config import ConfigError, check, load_config, smoke

EXPERIMENTS = sorted(path.stem for path in Path(configs.__file__).parent.glob("*.py") if path.stem != "__init__")
PIZZA = load_config("pizza")


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_makes_sense_and_says_what_it_costs(name):
    """A config loads, passes `check`, and its docstring has command, hardware, minutes and the result to expect."""
    config = load_config(name)
    words = import_module(f"training.configs.{name}").__doc__
    assert name == config.name.replace("-", "_")
    assert ["Command", "Hardware", "Minutes", "Expected"] == re.findall(r"^(\w+): +\S", words, re.MULTILINE)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("fit_splits", ("train", "test")), ("estimate", "guess"), ("labels", ("pizza",)), ("labels", ("a", "a")),
        ("backbone", "resnet"), ("teachers", ("resnet",)), ("augmentation", "wild"), ("version", 0), ("batch", 0),
        ("dropout", 1.0), ("label_smoothing", -0.1), ("folds", 1), ("epochs", -1), ("patience", 3),
        ("tuned_share", 0.0),
    ],
)  # fmt: skip
def test_nonsense_is_refused_by_the_field_s_name(field, value):
    """The message names the field, its value and the rule."""
    with pytest.raises(ConfigError, match=f"pizza: {field} is "):
        check(dataclasses.replace(PIZZA, **{field: value}))


def test_a_frozen_backbone_needs_weights():
    """Zero epochs on random weights would be a head on noise."""
    with pytest.raises(ConfigError, match="epochs"):
        check(dataclasses.replace(PIZZA, epochs=0, weights=None, tuned_share=1.0))


def test_a_temperature_is_never_fitted_on_pictures_that_weights_were_fitted_on():
    """With validation among the fitted splits, a temperature has to be given."""
    fitted = dataclasses.replace(PIZZA, estimate="test", fit_splits=("train", "validation"))
    with pytest.raises(ConfigError, match="temperature"):
        check(fitted)
    check(dataclasses.replace(fitted, temperature=0.6))


@pytest.mark.parametrize("name", ["no-such", "../pizza", "pizza.x", ""])
def test_an_unknown_experiment_is_refused(name):
    """Also names that are no names."""
    with pytest.raises(ConfigError, match="no experiment"):
        load_config(name)


@pytest.mark.parametrize("backbone", ["xception", "efficientnet-b5", "small-cnn", None])
def test_smoke_runs_make_sense_with_any_backbone(backbone):
    """Small, without weights, and large enough for every backbone."""
    small = smoke(dataclasses.replace(PIZZA, tuned_share=0.5, patience=None), backbone)
    check(small)
    assert small.size >= BACKBONES[small.backbone].smallest
    assert small.weights is None


def test_smoke_refuses_a_backbone_that_there_is_not():
    """By name, with the list of those that there are."""
    with pytest.raises(ConfigError, match=r"resnet.*xception"):
        smoke(PIZZA, "resnet")
