"""A study tries what it was told to, on validation alone, and goes on where it was cut short."""

import dataclasses
import json
import math
import re

import numpy as np
import optuna
import pytest

from training.artefact.drawings import write_folder
from training.backbones import build_backbone
from training.config import Config, ConfigError
from training.data.audit import audit
from training.pictures import Pictures
from training.tuning import page, result, study
from training.tuning.space import KINDS, SpaceError, parse
from training.tuning.trials import Outcome, fit_frozen, fit_whole, judge, pruned_if_poor

CONFIG = Config(
    name="lunch", version=1, task="tests", labels=("salad", "garment"), data_name="drawn", source="drawn",
    intended_use="tests", limits=(), size=32, train_size=32, batch=16, epochs=2,
)  # fmt: skip
TINY = dataclasses.replace(CONFIG, backbone="small-cnn", size=28, train_size=28, weights=None, learning_rate=1e-3)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn")
    write_folder(folder / "data", CONFIG.labels, 40, 48)
    return Pictures.of(audit(folder / "data", CONFIG.labels).examples, folder / "cache")


def computed(search, config, trial, run):
    """Instead of a fit: a loss that is least at dropout 0.4 without a hidden layer, in no time."""
    loss = 0.3 + (config.dropout - 0.4) ** 2 + (config.inner_layer or 0) / 100
    right = np.arange(10) < 8 + (config.dropout > 0.3)
    return Outcome(loss, 1.0, right, 0.1)


def fast(pictures, folder, config=CONFIG, space="dropout,inner-layer=none|16"):
    return study.open_search(config, pictures, space, frozen=True, folder=folder, database=folder / "study.db")


@pytest.mark.parametrize("name", KINDS)
def test_the_experiments_own_value_is_always_in_the_space(name):
    """Whatever is searched, a study can begin with the experiment as it is."""
    space = parse(name, CONFIG, frozen=False)
    assert CONFIG == space.apply(space.own())
    (dimension,) = space.dimensions
    own = space.own()[name]
    assert own in dimension.choices if dimension.choices else dimension.low <= own <= dimension.high


def test_choices_and_ranges_are_read():
    """A dimension may name its choices or its range; what is missing of the own value is added."""
    config = dataclasses.replace(CONFIG, size=224, train_size=192)
    space = parse("size=192|256, dropout=0.3..0.5,learning-rate=1e-5..1e-3,inner-layer=none|100", config, frozen=False)
    size, dropout, rate, inner = space.dimensions
    assert (192, 256, 224) == size.choices
    assert (0.2, 0.5, False) == (dropout.low, dropout.high, dropout.log)
    assert (1e-5, 1e-3, True) == (rate.low, rate.high, rate.log)
    assert (None, 100) == inner.choices
    tried = space.apply({"size": 256, "dropout": 0.123456, "learning-rate": 0.000123456, "inner-layer": 100})
    assert (256, 219, 0.123, 0.000123, 100) == (
        tried.size, tried.train_size, tried.dropout, tried.learning_rate, tried.inner_layer
    )  # fmt: skip


def test_the_size_of_enlarged_pictures_is_the_one_inside():
    """Where the graph enlarges small pictures, the size that varies is the one it enlarges them to."""
    config = dataclasses.replace(CONFIG, size=28, train_size=28, inner_size=112)
    space = parse("size=96", config, frozen=False)
    assert {"size": 112} == space.own()
    tried = space.apply({"size": 96})
    assert (28, 28, 96) == (tried.size, tried.train_size, tried.inner_size)


def test_frozen_the_learning_rate_is_the_heads():
    """With --fast the learning rate that varies is the one that heads are fitted with."""
    assert {"learning-rate": CONFIG.head_rate} == parse("learning-rate", CONFIG, frozen=True).own()
    assert {"learning-rate": CONFIG.learning_rate} == parse("learning-rate", CONFIG, frozen=False).own()


@pytest.mark.parametrize(
    ("text", "frozen", "named"),
    [
        ("", False, "Name something"),
        ("momentum", False, "momentum"),
        ("dropout,dropout", False, "twice"),
        ("dropout=lots", False, "lots"),
        ("dropout=0.1..1.5", False, "dropout"),
        ("size=1..9", False, "range"),
        ("size=big", False, "big"),
        ("size=16", False, "32 px"),
        ("inner-layer=-3", False, "-3"),
        ("augmentation=wild", False, "augmentation"),
        ("augmentation", True, "frozen"),
        ("backbone=small-cnn", False, "no ImageNet weights"),
        ("backbone=resnet", False, "resnet"),
        ("learning-rate=-1..1", False, "learning_rate"),
    ],
)
def test_a_space_that_makes_no_sense_is_refused(text, frozen, named):
    """A dimension, choice or range that cannot be tried is named before anything is trained."""
    with pytest.raises((SpaceError, ConfigError), match=named):
        parse(text, CONFIG, frozen=frozen)


def test_a_try_is_judged_by_its_calibrated_log_loss():
    """Scaling all logits changes nothing, confident mistakes cost, and no number is infinitely bad."""
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 3, 200)
    answers = rng.normal(0, 1, (200, 3)) + 2 * np.eye(3)[truth]
    loss, temperature = judge(answers, truth)
    assert judge(2 * answers, truth)[0] == pytest.approx(loss, abs=1e-3)
    scaled = answers / temperature
    expected = np.mean(np.log(np.exp(scaled).sum(axis=1)) - scaled[np.arange(200), truth])
    assert expected == pytest.approx(loss, abs=1e-6)
    assert judge(answers, (truth + 1) % 3)[0] > loss
    assert math.inf == judge(np.full((2, 3), np.nan), truth[:2])[0]


def test_a_study_begins_with_the_own_values_and_goes_on(pictures, tmp_path):
    """The first try is the experiment itself; a second call adds tries and keeps the earlier ones."""
    study.run(fast(pictures, tmp_path), 2, attempt=computed)
    first = [(trial.number, trial.params, trial.value) for trial in fast(pictures, tmp_path).done]
    search = fast(pictures, tmp_path)
    study.run(search, 20, attempt=computed)
    assert first == [(trial.number, trial.params, trial.value) for trial in search.done][:2]
    assert 20 == len(search.done)
    assert {"dropout": CONFIG.dropout, "inner-layer": None} == search.done[0].params
    assert 20 == len({str(trial.params) for trial in search.done})
    assert 0.4 == pytest.approx(search.study.best_params["dropout"], abs=0.1)


def test_a_try_that_a_kill_cut_short_is_made_again(pictures, tmp_path):
    """What a killed call left running is tried next, with the same values, and given up when it kills thrice."""
    study.run(fast(pictures, tmp_path), 1, attempt=computed)
    for _ in range(3):
        killed = fast(pictures, tmp_path)
        study._take_up(killed)
        trial = killed.study.ask()  # and never told how it ended
        values = killed.space.suggest(trial)
    assert values == killed.study.trials[1].params
    last = fast(pictures, tmp_path)
    study._take_up(last)
    assert values != last.space.suggest(last.study.ask())

    again = fast(pictures, tmp_path / "other")
    study.run(again, 1, attempt=computed)
    trial = again.study.ask()
    values = again.space.suggest(trial)
    search = fast(pictures, tmp_path / "other")
    study.run(search, 2, attempt=computed)
    assert values == search.done[-1].params


@pytest.mark.parametrize(
    ("change", "named"),
    [({"batch": 8}, "another batch"), ({"dropout": 0.3}, "another dropout"), ({"space": "dropout"}, "other space")],
)
def test_a_study_of_something_else_is_refused(pictures, tmp_path, change, named):
    """Tries of another experiment or space are not mixed into a study."""
    fast(pictures, tmp_path)
    space = {"space": change["space"]} if "space" in change else {}
    config = CONFIG if space else dataclasses.replace(CONFIG, **change)
    with pytest.raises(study.TuneError, match=named):
        fast(pictures, tmp_path, config, **space)


def test_other_pictures_are_refused(pictures, tmp_path):
    """A study on other pictures is another study."""
    fast(pictures, tmp_path)
    fewer = Pictures.of(pictures.everything[:-1], None)
    with pytest.raises(study.TuneError, match="other pictures"):
        fast(fewer, tmp_path)


def test_a_file_that_is_no_study_is_named(pictures, tmp_path):
    """A file that is no SQLite database is refused in a sentence."""
    (tmp_path / "study.db").write_text("words, as long as the header of a database would be " * 9)
    with pytest.raises(study.TuneError, match=r"study\.db is no database of a study"):
        fast(pictures, tmp_path)


def test_a_poor_try_is_given_up():
    """A try that is worse than the median of the others at the same epoch ends there; one that diverges, at once."""
    searched = optuna.create_study(pruner=optuna.pruners.MedianPruner(n_startup_trials=2, n_warmup_steps=0))
    for loss in (0.2, 0.3, 0.4):
        trial = searched.ask()
        pruned_if_poor(trial)(0, loss) if loss < 0.4 else None
        searched.tell(trial, loss)
    pruned_if_poor(searched.ask())(0, 0.1)
    with pytest.raises(optuna.TrialPruned, match="behind in epoch 1"):
        pruned_if_poor(searched.ask())(0, 0.5)
    with pytest.raises(optuna.TrialPruned, match="diverged in epoch 1"):
        pruned_if_poor(searched.ask())(0, math.inf)


def test_a_watched_fit_can_be_ended(pictures, tmp_path):
    """Who is told of an epoch of a fit can end it there."""

    def stop(epoch, loss):
        raise optuna.TrialPruned("enough")

    with pytest.raises(optuna.TrialPruned, match="enough"):
        fit_whole(TINY, pictures, tmp_path, stop)


def test_the_result_can_be_trained_and_looked_at(pictures, tmp_path):
    """The best try is written as JSON, as an experiment that Python reads, and as a page without a request."""
    search = fast(pictures, tmp_path)
    study.run(search, 3, attempt=computed)
    result.write(search, "pizza", tmp_path)
    content = json.loads((tmp_path / "best.json").read_text())
    assert 3 == content["tries"]
    assert min(trial.value for trial in search.complete) == pytest.approx(content["best"]["log_loss"], abs=1e-5)
    module = {}
    exec(compile((tmp_path / "best.py").read_text(), "best.py", "exec"), module)
    changed = {field: getattr(module["CONFIG"], field) for field in content["changes"]}
    assert content["changes"] == changed
    assert 0 == module["CONFIG"].epochs
    text = result.summary(search, "pizza", tmp_path)
    assert f"the best is number {content['try']}" in text
    written = page.write(search, "pizza", tmp_path / "report.html").read_text()
    assert 4 == written.count("<svg")
    assert [] == re.findall(r'(?:src|href)="(?!#|data:)[^"]*"', written)


def test_a_try_as_told_fits_a_head_or_the_network(pictures, tmp_path):
    """--fast fits a head to cached features; without it the whole network is trained, and its folder removed.

    Other labels in the test split change nothing in a try: it is never looked at.
    """
    file = tmp_path / "small.weights.h5"
    build_backbone("small-cnn", 28, None).save_weights(file)
    config = dataclasses.replace(TINY, weights=str(file))
    search = fast(pictures, tmp_path / "fast", config)
    study.run(search, 1)
    assert len(pictures.of_splits(["validation"])) == len(study.right(search.done[0]))
    other = [dataclasses.replace(e, label=1 - e.label) if e.split == "test" else e for e in pictures.everything]
    assert other != list(pictures.everything)
    head = dataclasses.replace(config, epochs=0)
    assert search.done[0].value == fit_frozen(head, dataclasses.replace(pictures, everything=other)).log_loss

    whole = study.open_search(
        TINY, pictures, "dropout", frozen=False, folder=tmp_path, database=tmp_path / "whole.db"
    )  # fmt: skip
    study.run(whole, 1)
    assert [0, 1] == sorted(whole.done[0].intermediate_values)
    assert [] == list((tmp_path / "tries").glob("*"))


def test_a_try_that_no_number_comes_of_is_given_up(pictures, tmp_path):
    """A try that diverges or cannot be built counts as given up, with its reason, and the study goes on."""
    search = fast(pictures, tmp_path, space="dropout")
    losses = iter([math.inf, 0.5])

    def diverging(search, config, trial, run):
        return dataclasses.replace(computed(search, config, trial, run), log_loss=next(losses))

    study.run(search, 2, attempt=diverging)
    assert ["PRUNED", "COMPLETE"] == [trial.state.name for trial in search.done]
    assert "diverged" == search.done[0].user_attrs["reason"]
    assert search.own is None
    assert "own values" not in result.summary(search, "pizza", tmp_path)


def test_time_that_is_over_ends_the_search(pictures, tmp_path):
    """After --minutes no further try is begun, and what is there is kept."""
    search = fast(pictures, tmp_path)
    study.run(search, 5, minutes=0, attempt=computed)
    assert [] == search.done


def test_no_try_is_no_result(pictures, tmp_path):
    """Where no try came to its end, that is said instead of a result."""
    with pytest.raises(study.TuneError, match="No try came to its end"):
        result.result(fast(pictures, tmp_path))
