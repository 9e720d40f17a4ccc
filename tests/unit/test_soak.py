"""The soak's figures say what grew."""

import pytest

from bench.soak import Sample, line, report
from tests.figures import Figures


def test_a_straight_line_is_found():
    """Points on a line give its slope without error; noise gives an error that covers it."""
    slope, error = line([0.0, 1.0, 2.0, 3.0], [5.0, 7.0, 9.0, 11.0])
    assert (2.0, 0.0) == pytest.approx((slope, error), abs=1e-9)
    slope, error = line([0.0, 1.0, 2.0, 3.0], [5.2, 6.8, 9.2, 10.8])
    assert 0 < abs(slope - 2.0) <= error


@pytest.mark.parametrize(("mib_an_hour", "more_descriptors", "beyond"), [(0.5, 0, 0), (3.0, 0, 1), (0.5, 9, 1)])
def test_what_grows_is_beyond_its_limit(mib_an_hour, more_descriptors, beyond):
    """Memory that grows by more than a mebibyte an hour, and descriptors that grow, are beyond their limits."""
    figures = Figures()
    samples = [
        Sample(at_s, 100 + mib_an_hour * at_s / 3600, 20 + more_descriptors * at_s // 3600, 8)
        for at_s in range(0, 3601, 60)
    ]
    report(figures, "gateway", samples)
    assert beyond == sum("BEYOND" in figure.row[2] for figure in figures)
