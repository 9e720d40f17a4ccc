import numpy as np
import pytest

from training.evaluation import curves, metrics

RNG = np.random.default_rng(0)
TRUTH = RNG.integers(0, 3, 90)
PROBABILITIES = metrics.softmax(RNG.normal(size=(90, 3)) + 1.5 * np.eye(3)[TRUTH])


def test_auc_is_the_share_of_pairs_in_the_right_order():
    """Of each picture of the class and each other one, how often the former gets more."""
    scores = PROBABILITIES[:, 1]
    pairs = scores[TRUTH == 1][:, np.newaxis] > scores[TRUTH != 1]
    found = curves.one_vs_rest(PROBABILITIES, TRUTH, 1)

    assert pytest.approx(pairs.mean()) == found.auc
    assert (0, 1) == (found.false_positive_rate[0], found.true_positive_rate[-1])


def test_average_precision_is_the_mean_precision_at_each_hit():
    """Ranks 1, 3 and 4 are hits: (1 + 2/3 + 3/4) / 3."""
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
    table = np.stack([1 - scores, scores], axis=1)
    found = curves.one_vs_rest(table, np.array([1, 0, 1, 1, 0]), 1)

    assert pytest.approx((1 + 2 / 3 + 3 / 4) / 3) == found.average_precision
    assert (0, 1) == (found.recall[0], found.recall[-1])
    assert (1, 3 / 5) == (found.precision[0], found.precision[-1])


@pytest.mark.parametrize("truth", [np.zeros(90, int), np.ones(90, int)])
def test_a_class_that_all_or_none_are_of_has_no_curve(truth):
    """There is nothing to tell apart."""
    assert curves.one_vs_rest(PROBABILITIES, truth, 1) is None


def test_long_curves_are_thinned_but_keep_their_ends():
    """A report needs no thousand points."""
    truth = RNG.integers(0, 2, 5000)
    one = RNG.random(5000)
    found = curves.one_vs_rest(np.stack([1 - one, one], axis=1), truth, 1)

    assert len(found.recall) <= 120
    assert (0, 1) == (found.recall[0], found.recall[-1])


def test_reliability_bins_hold_equally_many_pictures():
    """Ninety pictures in ten bins: nine each, rising in confidence, with the accuracy of their own."""
    found = curves.reliability(PROBABILITIES, TRUTH)
    right = PROBABILITIES.argmax(axis=1) == TRUTH
    lowest = np.argsort(PROBABILITIES.max(axis=1))[:9]

    assert [9] * 10 == found.pictures.tolist()
    assert (np.diff(found.confidence) > 0).all()
    assert pytest.approx(right[lowest].mean()) == found.accuracy[0]
    assert ((found.low <= found.accuracy) & (found.accuracy <= found.high)).all()


def test_reliability_of_few_pictures_has_no_empty_bin():
    """Three pictures make three bins."""
    assert [1, 1, 1] == curves.reliability(PROBABILITIES[:3], TRUTH[:3]).pictures.tolist()


def test_coverage_ends_at_the_accuracy_of_all_and_begins_with_the_surest():
    """The last point answers everything; ten surest pictures come first."""
    shares, accuracies = curves.coverage(PROBABILITIES, TRUTH)
    right = PROBABILITIES.argmax(axis=1) == TRUTH
    surest = np.argsort(-PROBABILITIES.max(axis=1))[:10]

    assert pytest.approx((1, right.mean())) == (shares[-1], accuracies[-1])
    assert pytest.approx((10 / 90, right[surest].mean())) == (shares[0], accuracies[0])


def test_residual_temperature_undoes_what_was_done():
    """Calibrated answers need about 1; with logits multiplied by three, about 3."""
    logits = RNG.normal(size=(4000, 2))
    truth = (RNG.random(4000) < metrics.softmax(logits)[:, 1]).astype(int)
    found = [curves.residual_temperature(metrics.softmax(factor * logits), truth) for factor in (1, 3)]

    assert pytest.approx((1, 3), rel=0.15) == tuple(found)


def test_brier_score_is_the_squared_distance_from_the_truth():
    """Right for sure 0, wrong for sure 2, undecided of two 0.5."""
    table = np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])

    assert [0, 2, 0.5] == [curves.brier(table[i : i + 1], np.array([0])) for i in range(3)]
