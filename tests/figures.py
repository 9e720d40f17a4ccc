"""Figures that a run measured, printed as a table when it ends: `figures.add("p99", 1.4, "x", at_most=2)`.

A figure judges nothing: machines are noisy, and a test asserts what must hold on any of them. The table says which
figures are beyond their limit, for people.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class Requests(Protocol):
    """What became of some requests; `tests.load.Summary` is one."""

    sent: int
    failures: dict[str, int]

    def percentile_s(self, percent: float) -> float:
        """Give a percentile of the time that answers took, seconds."""
        ...


@dataclass(frozen=True)
class Figure:
    """What was measured, in which unit, and the limit that people expect."""

    name: str
    value: float
    unit: str
    at_most: float | None = None
    at_least: float | None = None

    @property
    def row(self) -> tuple[str, str, str]:
        """Give name, measurement and limit as people write them, with a word where the limit does not hold."""
        bounds = [
            f"{sign} {_number(limit)}"
            for sign, limit in (("<=", self.at_most), (">=", self.at_least))
            if limit is not None
        ]
        holds = (self.at_most is None or self.value <= self.at_most) and (
            self.at_least is None or self.value >= self.at_least
        )
        limit = " ".join(bounds) + ("" if holds else "  BEYOND")
        return self.name, f"{_number(self.value)} {self.unit}".rstrip(), limit


class Figures(list[Figure]):
    """The figures of a run, in order, and the phases of its load."""

    def __init__(self) -> None:
        super().__init__()
        self.phases: list[tuple[str, ...]] = []

    def add(
        self, name: str, value: float, unit: str = "", *, at_most: float | None = None, at_least: float | None = None
    ) -> None:
        """Keep a figure."""
        self.append(Figure(name, value, unit, at_most, at_least))

    def phase(self, name: str, requests: Requests, steady: Requests | None = None) -> None:
        """Keep what became of a phase's requests, and how its p99 compares with that of a steady one."""
        p50, p99 = (requests.percentile_s(percent) for percent in (50, 99))
        failed = ", ".join(f"{count} {answer}" for answer, count in sorted(requests.failures.items())) or "0"
        ratio = f"{p99 / steady.percentile_s(99):.2f}" if steady else ""
        self.phases.append((name, f"{requests.sent:,}", failed, f"{1000 * p50:.0f}", f"{1000 * p99:.0f}", ratio))

    def table(self) -> list[str]:
        """Write the figures one below the other, then the phases."""
        figures = [("figure", "measured", "limit"), *(figure.row for figure in self)] if self else []
        head = ("phase", "requests", "failed", "p50 ms", "p99 ms", "p99 / steady")
        phases = [head, *self.phases] if self.phases else []
        return [*_columns(figures), *([""] if figures and phases else []), *_columns(phases)]


def _columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Set the first and the last column flush left, the others flush right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    last = len(widths) - 1
    return [
        "  ".join(
            f"{cell:<{width}}" if column in (0, last) else f"{cell:>{width}}"
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _number(value: float) -> str:
    if value != value:  # noqa: PLR0124 - NaN: nothing was measured
        return "none"
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 1000 else f"{value:,.3g}"
