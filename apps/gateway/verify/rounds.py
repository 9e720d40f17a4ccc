"""Repeat rounds of checks until two in a row are green of the same pods, or time is up."""

import time
from collections.abc import Callable
from typing import Protocol

from gateway.verify.checks import Result
from serving_api.deadline import Deadline

_ROUND_S = 30.0  # a pod that hangs is red after it; the next round may find it gone
_PAUSE_S = 1.0

Round = Callable[[Deadline], dict[str, Result]]


class Shows(Protocol):
    """Where the results go."""

    def show(self, found: dict[str, Result]) -> None:
        """Take a round's results."""


def until_green(one_round: Round, report: Shows, deadline: Deadline) -> bool:
    """Repeat `one_round` and show what it finds.

    Twice, since between two looks at DNS a pod may have come that one look cannot see.

    Args:
        one_round: checks everything by a deadline; the result has an entry for each pod.
        report: gets each round's results, but not those of a round that time cut short after others said why.
        deadline: for everything.
    Returns: whether two rounds in a row were green throughout, of the same pods.
    """
    before: dict[str, Result] = {}
    while not deadline.expired:
        found = one_round(Deadline.after(min(_ROUND_S, deadline.remaining_s())))
        if deadline.expired and _red(before):
            return False
        report.show(found)
        if deadline.expired:
            return False
        if found.keys() == before.keys() and not _red(found) and not _red(before):
            return True
        before = found
        time.sleep(min(_PAUSE_S, deadline.remaining_s()))
    return False


def _red(found: dict[str, Result]) -> list[str]:
    return [name for name, result in found.items() if not result.green]
