"""Figures that a run measured, printed as a table when it ends: `figures.add("p99", 1.4, "x", at_most=2)`.

A figure judges nothing: machines are noisy, and a test asserts what must hold on any of them. The table says which
figures are beyond their limit, for people.
"""

from dataclasses import dataclass


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
    """The figures of a run, in order."""

    def add(
        self, name: str, value: float, unit: str = "", *, at_most: float | None = None, at_least: float | None = None
    ) -> None:
        """Keep a figure."""
        self.append(Figure(name, value, unit, at_most, at_least))

    def table(self) -> list[str]:
        """Write the figures one below the other."""
        rows = [("figure", "measured", "limit"), *(figure.row for figure in self)]
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        return [f"{name:{widths[0]}}  {measured:>{widths[1]}}  {limit}".rstrip() for name, measured, limit in rows]


def _number(value: float) -> str:
    if value != value:  # noqa: PLR0124 - NaN: nothing was measured
        return "none"
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 1000 else f"{value:,.3g}"
