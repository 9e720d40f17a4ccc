"""Statistics of pairs: two classifiers, the same pictures, and only those that one of them alone gets right."""

import math
from collections.abc import Callable

import numpy as np

_Z95, _Z80 = 1.959964, 0.841621  # two-sided 95 %, and 80 % power
_DRAWS, _DRAWS_AT_ONCE = 4000, 250


def mcnemar(only_a: int, only_b: int) -> float:
    """Return the two-sided p-value of McNemar's exact test: is one of them more often the only one that is right?

    If both were equally good, each picture that only one gets right would be a toss of a coin (McNemar 1947).
    """
    n, fewer = only_a + only_b, min(only_a, only_b)
    tail = term = 1  # exact whole numbers: each term from the one before
    for k in range(fewer):
        term = term * (n - k) // (k + 1)
        tail += term
    return min(1.0, 2 * tail / 2**n)


def tango(more: int, fewer: int, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a difference of paired proportions, (more - fewer) / n.

    The score interval of Tango 1998 (Statistics in Medicine 17:891): those differences that a score test would not
    reject; it holds its level with few pictures and where nothing differs.

    Args:
        more: pictures that count for the difference.
        fewer: pictures that count against it.
        n: all pictures, 1 or more.
    """

    def score(difference: float) -> float:
        # q: the most likely share of `fewer` if this were the difference.
        linear = -more - fewer + (2 * n - more + fewer) * difference
        constant = -fewer * difference * (1 - difference)
        q = (math.sqrt(max(0.0, linear * linear - 8 * n * constant)) - linear) / (4 * n)
        variance = n * (2 * q + difference * (1 - difference))
        distance = more - fewer - n * difference
        return math.copysign(math.inf, distance) if variance <= 0 and distance else distance / math.sqrt(variance or 1)

    estimate = (more - fewer) / n
    low = _crossing(lambda difference: score(difference) - _Z95, -1.0, estimate)
    high = _crossing(lambda difference: score(difference) + _Z95, estimate, 1.0)
    return low, high


def _crossing(falling: Callable[[float], float], low: float, high: float) -> float:
    """Find where a falling function meets 0, by halving; an end of the range where it does not."""
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if falling(middle) > 0 else (low, middle)
    return (low + high) / 2


def bootstrap(values: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """Return the 95 % percentile interval of a mean (Efron 1979), the same for the same values."""
    rng = np.random.default_rng(seed)
    means = [
        values[rng.integers(0, len(values), (_DRAWS_AT_ONCE, len(values)))].mean(axis=1)
        for _ in range(_DRAWS // _DRAWS_AT_ONCE)
    ]
    low, high = np.percentile(np.concatenate(means), [2.5, 97.5])
    return float(low), float(high)


def pictures_needed(rate: float, difference: float) -> int | None:
    """Say how many pictures McNemar's test needs for a difference at the 5 % level with 80 % power.

    Source: Connor 1987, Biometrics 43:207.

    Args:
        rate: share of pictures that only one of both gets right.
        difference: of the accuracies; at most `rate` in size.
    Returns: the pictures; None for no difference, which no number shows.
    """
    if not difference:
        return None
    rate = max(rate, abs(difference))
    spread = _Z95 * math.sqrt(rate) + _Z80 * math.sqrt(rate - difference * difference)
    return math.ceil((spread / difference) ** 2)
