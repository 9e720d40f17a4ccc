"""Write answers for people: lines for a terminal."""

from collections.abc import Mapping, Sequence

from gateway.client.results import Description

BAR_CELLS = 40


def bars(probabilities: Mapping[str, float]) -> list[str]:
    """Write probabilities as lines, the likeliest first: label, percentage, bar."""
    width = max(len(label) for label in probabilities)
    rows = sorted(probabilities.items(), key=lambda item: -item[1])
    return [f"  {label:<{width}}  {p:7.2%}  {'█' * round(p * BAR_CELLS)}".rstrip() for label, p in rows]


def models(described: Sequence[Description]) -> list[str]:
    """Write models as a table: name, version, state, input size, labels."""
    head = ("model", "version", "state", "input", "labels")
    rows = [head, *((_of(one)) for one in described)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _of(one: Description) -> tuple[str, ...]:
    size = f"{one.width} x {one.height}" if one.width else "-"
    return one.name, str(one.version or "-"), one.state, size, ", ".join(one.labels) or "-"
