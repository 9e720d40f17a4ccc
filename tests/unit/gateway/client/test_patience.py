"""Asked again is what is safe, within the deadline, with waits that grow and are drawn."""

import pytest

from gateway.client import ClientError, Mismatch, OutOfTime, Patience, Refused, Unavailable, UsageError


class Attempts:
    """Raises what it is given, one a call, then answers."""

    def __init__(self, *failures):
        self.failures, self.waits, self.left_s = list(failures), [], []

    def __call__(self, deadline):
        self.left_s.append(deadline.remaining_s())
        if self.failures:
            raise self.failures.pop(0)
        return "answer"

    def call(self, patience, draw=lambda _, most: most):
        return patience.call(self, sleep=self.waits.append, draw=draw)


def test_waits_double_up_to_their_bound():
    """Each wait is drawn between nothing and a bound that doubles; Retry-After is added to it."""
    attempts = Attempts(*[Unavailable("no")] * 3, Unavailable("no", 2.0), Unavailable("no"))
    assert "answer" == attempts.call(Patience(first_wait_s=0.5, longest_wait_s=3.0))
    assert [0.5, 1.0, 2.0, 3.0 + 2.0, 3.0] == attempts.waits


def test_waits_are_jittered():
    """A draw of nothing waits for nothing but what the server asked for."""
    attempts = Attempts(Unavailable("no"), Unavailable("no", 1.5))
    attempts.call(Patience(), draw=lambda least, _: least)
    assert [0.0, 1.5] == attempts.waits


@pytest.mark.parametrize("failure", [Refused("no"), OutOfTime("late"), Mismatch("odd"), UsageError("what")])
def test_what_would_be_so_again_is_not_asked_again(failure):
    """A refusal, a failure and a lack of time are final."""
    attempts = Attempts(failure)
    with pytest.raises(ClientError) as raised:
        attempts.call(Patience())
    assert (failure, 1) == (raised.value, len(attempts.left_s))


def test_tries_are_counted():
    """After the last try its own reason is raised, without a wait."""
    attempts = Attempts(*[Unavailable("no")] * 9)
    with pytest.raises(Unavailable):
        attempts.call(Patience(tries=3))
    assert (3, 2) == (len(attempts.left_s), len(attempts.waits))


def test_a_wait_beyond_the_deadline_is_not_begun():
    """A server that wants to be left alone for longer than there is time ends it at once."""
    attempts = Attempts(Unavailable("full", 60.0))
    with pytest.raises(Unavailable, match="full"):
        attempts.call(Patience(timeout_s=30))
    assert [] == attempts.waits


def test_all_tries_share_one_deadline():
    """The time of a later try is what earlier ones and the waits left."""
    attempts = Attempts(Unavailable("no"), Unavailable("no"))
    Patience(timeout_s=5, first_wait_s=0.02).call(attempts, draw=lambda _, most: most)
    first, second, third = attempts.left_s
    assert 5 >= first > second + 0.01 > third + 0.04
