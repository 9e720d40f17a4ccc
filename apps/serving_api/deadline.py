"""Carry one request's remaining time through everything done for it."""

import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Deadline:
    """A moment of the monotonic clock; each step of a request takes its timeout from what is left until then."""

    at_s: float

    @classmethod
    def after(cls, timeout_s: float) -> "Deadline":
        """Make a deadline `timeout_s` seconds from now."""
        return cls(time.monotonic() + timeout_s)

    def remaining_s(self) -> float:
        """Give the seconds left, never below zero."""
        return max(0.0, self.at_s - time.monotonic())

    @property
    def expired(self) -> bool:
        """Tell whether nothing is left."""
        return self.remaining_s() <= 0.0
