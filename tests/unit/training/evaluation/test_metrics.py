import numpy as np
import pytest

from training.evaluation import metrics


def test_wilson_interval_agrees_with_the_published_example():
    """Newcombe 1998, table I: 81 of 263 gives 0.2553 to 0.3662."""
    assert [round(x, 4) for x in metrics.wilson(81, 263)] == [0.2553, 0.3662]


@pytest.mark.parametrize(("right", "n", "expected"), [(0, 0, (0.0, 1.0)), (5, 5, (0.5655, 1.0)), (0, 5, (0.0, 0.4345))])
def test_wilson_interval_stays_within_0_and_1(right, n, expected):
    """No picture says nothing; none or all right leave the other end open."""
    assert tuple(round(x, 4) for x in metrics.wilson(right, n)) == expected


def test_cross_validated_interval_stays_within_0_and_1():
    """Two folds of 0.8 and 0.9: 0.85 -+ 12.706 * sqrt((1/2 + 1) * 0.005) would be -0.25 to 1.95."""
    assert pytest.approx((0.85, 0.0, 1.0)) == metrics.cross_validated([0.8, 0.9], 0.5)


def test_cross_validated_interval_agrees_with_the_formula_by_hand():
    """Five folds, s^2 = 0.00025, t(4) = 2.776445: 0.97 -+ 2.776445 * sqrt((1/5 + 1/4) * 0.00025)."""
    result = metrics.cross_validated([0.95, 0.96, 0.97, 0.98, 0.99], 0.2)

    assert pytest.approx((0.97, 0.940551, 0.999449), abs=2e-6) == result


@pytest.mark.parametrize(("accuracies", "share"), [([0.9], 0.5), ([], 0.5), ([0.9, 0.8], 0.0), ([0.9, 0.8], 1.0)])
def test_cross_validated_refuses_what_has_no_spread(accuracies, share):
    """One run, or a share that leaves nothing on one side, has no interval."""
    with pytest.raises(ValueError, match=r"^(An interval needs|The share of pictures)"):
        metrics.cross_validated(accuracies, share)


def test_summary_counts_rows_as_truth_and_columns_as_answers():
    """One of two cats is taken for a dog."""
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.4, 0.6]])
    result = metrics.summary(probabilities, np.array([0, 0, 1, 1]), ("cat", "dog"))

    assert result["confusion_matrix"] == [[1, 1], [0, 2]]
    assert result["per_class"]["cat"] == {"precision": 1.0, "recall": 0.5, "f1": 0.6667, "pictures": 2}
    assert result["accuracy"]["value"] == 0.75


def test_calibration_error_is_the_gap_between_confidence_and_accuracy():
    """Always 0.9 sure and right half the time: 0.4."""
    probabilities = np.tile([0.9, 0.1], (10, 1))

    assert metrics.expected_calibration_error(probabilities, np.arange(10) % 2) == pytest.approx(0.4)


def test_temperature_undoes_overconfidence():
    """Logits that were multiplied by three get a temperature of about three."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4000, 2))
    truth = (rng.random(4000) < metrics.softmax(logits)[:, 1]).astype(int)

    assert metrics.fit_temperature(3 * logits, truth) == pytest.approx(3, rel=0.15)


def test_class_intervals_are_wilsons_and_f1_follows_its_own_proportion():
    """Eight hits of ten asked and nine said: F1 = 2 J / (1 + J) of J = 8 / 11."""
    found = metrics.class_intervals(np.array([[8, 2], [1, 20]]))[0]
    expected = [2 * j / (1 + j) for j in metrics.wilson(8, 11)]

    assert (metrics.wilson(8, 10), metrics.wilson(8, 9)) == (found["recall"], found["precision"])
    assert pytest.approx(expected) == list(found["f1"])
    assert found["f1"][0] < 2 * 8 / 19 < found["f1"][1]


def test_f1_interval_holds_the_truth_95_times_in_100():
    """Drawn 1,000 times from known rates of hits, misses and false alarms."""
    rates = np.array([0.3, 0.05, 0.08, 0.57])
    truth = 2 * rates[0] / (2 * rates[0] + rates[1] + rates[2])
    draws = np.random.default_rng(0).multinomial(150, rates, 1000)
    bounds = [metrics.class_intervals(np.array([[a, b], [c, d]]))[0]["f1"] for a, b, c, d in draws]

    assert pytest.approx(0.95, abs=0.02) == np.mean([low <= truth <= high for low, high in bounds])


def test_a_class_without_pictures_has_open_intervals():
    """Nothing asked, nothing said: 0 to 1."""
    assert {"precision": (0, 1), "recall": (0, 1), "f1": (0, 1)} == metrics.class_intervals(np.zeros((2, 2), int))[0]
