"""Paired statistics, held to hand-made numbers, brute force and simulation."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from tests.unit.training.evaluation import small_versions
from training import data
from training.__main__ import main
from training.evaluation import comparison, paired
from training.evaluation.evaluate import Answers, Fitted

UNKNOWN = Fitted((), 0, 1, certain=False)


def answers(right, fitted=UNKNOWN, sure=0.9, labels=("cat", "dog")):
    """Make answers about pictures of class 0, right where told."""
    right = np.asarray(right, bool)
    probabilities = np.where(right[:, np.newaxis], [sure, 1 - sure], [1 - sure, sure]).astype(np.float32)
    examples = [data.Example(Path(f"{i}.png"), 0, f"{i:064x}", "test") for i in range(len(right))]
    card = {"name": "drawn", "version": 1}
    images = np.zeros((len(right), 2, 2, 3), np.uint8)
    return Answers(
        Path("drawn/1"), card, "litert", Path("data"), "test", examples, labels, images, probabilities, fitted
    )


def pair(both, only_a, only_b, neither, *, margin=None, fitted=UNKNOWN):
    """Compare models with these counts."""
    a = [True] * (both + only_a) + [False] * (only_b + neither)
    b = [True] * both + [False] * only_a + [True] * only_b + [False] * neither
    return comparison.compare(answers(a), answers(b, fitted), margin)


@pytest.mark.parametrize(
    ("only_a", "only_b", "expected"),
    [
        (0, 0, 1.0),
        (0, 5, 2 / 32),
        (8, 1, 2 * (1 + 9) / 512),
        (3, 3, 1.0),
        (4, 10, 2 * (1 + 14 + 91 + 364 + 1001) / 2**14),
    ],
)
def test_mcnemar_is_a_toss_of_a_coin_for_each_discordant_picture(only_a, only_b, expected):
    """Twice the binomial tail, at most 1."""
    assert pytest.approx(expected) == paired.mcnemar(only_a, only_b)


def test_mcnemar_takes_thousands_of_discordant_pictures():
    """5,000 against 5,200: the normal approximation gives 2 * (1 - Phi(199 / sqrt(10200))) = 0.0488."""
    assert pytest.approx(math.erfc(199 / math.sqrt(2 * 10_200)), rel=1e-3) == paired.mcnemar(5000, 5200)


@pytest.mark.parametrize(("more", "fewer", "n"), [(12, 2, 50), (1, 4, 207), (0, 0, 30), (5, 0, 40), (30, 25, 1000)])
def test_tango_interval_ends_where_a_score_test_just_rejects(more, fewer, n):
    """At each end, the best likelihood under that difference (found by trying) gives a score of 1.96."""
    for end, z in zip(paired.tango(more, fewer, n), (1.959964, -1.959964), strict=True):
        lesser = np.linspace(max(0, -end), (1 - end) / 2, 2_000_001)[1:-1]
        with np.errstate(divide="ignore"):
            likelihood = (n - more - fewer) * np.log(1 - 2 * lesser - end)
            likelihood += (more * np.log(lesser + end) if more else 0) + (fewer * np.log(lesser) if fewer else 0)
        q = lesser[likelihood.argmax()]
        score = (more - fewer - n * end) / math.sqrt(n * (2 * q + end - end * end))
        assert pytest.approx(z, abs=2e-3) == score


@pytest.mark.parametrize(("more", "fewer", "n"), [(1, 0, 1), (0, 1, 1), (7, 0, 7), (0, 7, 7), (0, 0, 1)])
def test_tango_interval_stays_within_minus_1_and_1(more, fewer, n):
    """Also where every picture tells them apart; it always holds the difference itself."""
    low, high = paired.tango(more, fewer, n)

    assert -1 <= low <= (more - fewer) / n <= high <= 1
    assert low < high


def test_as_many_pictures_as_said_show_the_difference_four_times_in_five():
    """Drawn 400 times, the exact test (a little strict) finds a difference of 5 points in 70 to 85 % of the cases."""
    n = paired.pictures_needed(0.15, 0.05)
    rng = np.random.default_rng(0)
    draws = rng.multinomial(n, [0.05, 0.10, 0.85], 400)
    found = np.mean([paired.mcnemar(int(a), int(b)) < 0.05 for a, b, _ in draws])

    assert 0.70 <= found <= 0.85


def test_pictures_needed_agree_with_the_formula_by_hand():
    """Rate and difference 0.5: (1.96 sqrt(0.5) + 0.8416 sqrt(0.5 - 0.25))^2 / 0.25 = 13.06, so 14."""
    assert 14 == paired.pictures_needed(0.5, 0.5)


def test_no_number_of_pictures_shows_no_difference():
    """Equal accuracies need no number."""
    assert paired.pictures_needed(0.1, 0.0) is None


def test_bootstrap_interval_agrees_with_theory_and_repeats():
    """Of 400 normal values: mean -+ 1.96 s / 20, and the same at each call."""
    values = np.random.default_rng(1).normal(3, 2, 400)
    low, high = paired.bootstrap(values)
    spread = 1.96 * values.std() / 20

    assert (low, high) == paired.bootstrap(values)
    assert pytest.approx((values.mean() - spread, values.mean() + spread), abs=0.03) == (low, high)


@pytest.mark.parametrize(
    ("counts", "verdict"),
    [((90, 0, 10, 0), "B beats A"), ((90, 10, 0, 0), "A beats B"), ((90, 4, 6, 0), "cannot be told apart")],
)
def test_the_verdict_is_mcnemars_and_only_a_better_b_is_shown(counts, verdict):
    """Ten to none is a verdict, six to four is not."""
    found = pair(*counts)

    assert verdict == found.verdict
    assert (verdict == "B beats A") == found.shown


def test_b_is_the_one_that_log_loss_and_difference_speak_of():
    """A B that is right more often has a difference above 0 and a log loss below."""
    found = pair(80, 0, 20, 0)

    assert 0.2 == found.difference
    assert found.low > 0
    assert found.log_loss[2] < 0
    assert pytest.approx(0.2 * math.log(0.1 / 0.9), abs=1e-6) == found.log_loss[0]


@pytest.mark.parametrize(("margin", "shown"), [(0.01, False), (0.07, True)])
def test_at_least_as_good_is_decided_by_the_lower_end_of_the_interval(margin, shown):
    """One picture of 100 worse: within seven points for sure, not within one."""
    assert shown == pair(89, 2, 1, 8, margin=margin).shown


@pytest.mark.parametrize("margin", [0, 1, -0.1, math.nan])
def test_a_margin_is_between_0_and_1(margin):
    """Anything else is a mistake, such as points in place of a share."""
    with pytest.raises(ValueError, match="between 0 and 1"):
        pair(9, 0, 1, 0, margin=margin)


def test_pictures_that_b_was_fitted_on_show_nothing_in_its_favour():
    """It beats A on what it remembers: said, and not shown."""
    found = pair(80, 0, 20, 0, fitted=Fitted(("train",), 100, 100, certain=True))

    assert "B beats A" == found.verdict
    assert not found.shown
    assert "B was fitted on these pictures, so nothing is shown in its favour." == found.sentences()[-1]
    assert found.warnings[0].startswith("B (drawn 1): All 100 pictures were fitted on by this model (splits: train).")


def test_what_cannot_be_told_apart_says_how_many_pictures_would():
    """Six to four of 100: rate 0.1, difference 0.02, so 1,960 by formula, said in two digits."""
    said = "About 2000 pictures would be needed to tell such a difference from chance."

    assert said == pair(90, 4, 6, 0).sentences()[1]


def test_changed_pictures_begin_with_those_that_b_newly_gets_wrong():
    """First lost, then gained; nothing that both say alike."""
    assert [3, 4, 5] == pair(3, 1, 2, 4).changed()


def test_answers_about_other_pictures_cannot_be_compared():
    """A pair needs the same pictures."""
    with pytest.raises(ValueError, match="same pictures and classes"):
        comparison.compare(answers([True]), answers([True, True]))


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """Draw data, and make versions: 1 is hardly better than chance, 2 is right, 3 is 2 with its labels turned round."""
    folder = tmp_path_factory.mktemp("work")
    small_versions.write_data(folder / "data")
    small_versions.write_version(folder / "drawn/1", 1.6)
    small_versions.write_version(folder / "drawn/2")
    return folder


def test_the_command_returns_0_only_if_b_beats_a(work, capsys):
    """Better: 0. The other way round: 3."""
    better, worse = [
        main(["compare", str(work / a), str(work / b), "--data", str(work / "data"), "--split", "all"])
        for a, b in (("drawn/1", "drawn/2"), ("drawn/2", "drawn/1"))
    ]

    assert (0, 3) == (better, worse)
    assert "B beats A: " in capsys.readouterr().out


def test_the_command_writes_report_and_json(work, capsys):
    """The page says the verdict; the JSON beside it lists every changed picture."""
    models = [str(work / "drawn/1"), str(work / "drawn/2")]
    report = work / "compare.html"
    assert 0 == main(["compare", *models, "--data", str(work / "data"), "--split", "all", "--report", str(report)])
    numbers = json.loads(report.with_suffix(".json").read_text())

    assert "B beats A" in report.read_text()
    assert numbers["shown"]
    assert 27 == len(numbers["changed"]) == numbers["only_b_right"]
    assert {"label": "salad", "probability": pytest.approx(0.5, abs=0.5)} == numbers["changed"][0]["a"]


def test_labels_in_another_order_are_brought_into_line(work):
    """B's columns follow A's labels, so that a mere change of order changes no answer."""
    small_versions.write_version(work / "turned/1", labels=("salad", "pizza"))
    kept = comparison.answer_both(work / "drawn/2", work / "turned/1", work / "data", "all")[1]

    assert ("pizza", "salad") == kept.labels
    assert 0 == kept.right.sum()  # it calls red pictures by its first label, which is salad


def test_models_that_know_different_classes_are_refused(work, capsys):
    """The sentence names what each of them has alone."""
    small_versions.write_card(work / "other/1", labels=("pizza", "soup"))
    status = main(["compare", str(work / "drawn/2"), str(work / "other/1"), "--data", str(work / "data")])

    assert 1 == status
    assert "know different classes and cannot be compared: only A has ['salad'], only B has ['soup']." in (
        capsys.readouterr().err
    )
