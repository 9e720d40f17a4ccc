"""Run checks side by side, none of which can hold up the whole: each is green, red with a reason, or out of time."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from serving_api.deadline import Deadline

_LONGEST_REASON = 240  # characters; gRPC and web pages can be wordy


class Red(Exception):  # noqa: N818 - what a check says
    """Say why a check is red."""


@dataclass(frozen=True)
class Result:
    """What a check found: `words` are the reason, or what was seen."""

    green: bool
    words: str


Check = Callable[[], str]


def run_all(checks: Mapping[str, Check], deadline: Deadline) -> dict[str, Result]:
    """Run checks at the same time, each in a thread, and give what each found.

    One that has not ended by the deadline is left to itself: its thread ends with the process.
    """
    found: dict[str, Result] = {}
    threads = [
        threading.Thread(target=_run, args=(name, check, found), name=name, daemon=True)
        for name, check in checks.items()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(deadline.remaining_s())
    late = Result(green=False, words="no answer in time")
    return {name: found.get(name, late) for name in checks}


def _run(name: str, check: Check, found: dict[str, Result]) -> None:
    try:
        found[name] = Result(green=True, words=check())
    except Red as reason:
        found[name] = Result(green=False, words=shorten(str(reason)))
    except Exception as error:  # noqa: BLE001 - whatever a check did not foresee is a reason to be red, not to stop
        found[name] = Result(green=False, words=shorten(f"{type(error).__name__}: {error}"))


def shorten(text: str) -> str:
    """Put a reason on one line of bearable length."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_REASON else f"{line[:_LONGEST_REASON]}..."
