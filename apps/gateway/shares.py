"""Read GATEWAY_CANARIES: which share of a model's requests goes to the version with another label.

Imports little: the settings are read before anything else is imported.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_ENTRY = re.compile(r"(?P<model>[^:=,\s]+):(?P<label>[^:=,\s]+)=(?P<share>[0-9.]+)")


@dataclass(frozen=True)
class Share:
    """Of the requests that name no version, `share` (0 to 1) goes to the version with this label."""

    label: str
    share: float


def read_shares(text: str) -> Mapping[str, Share]:
    """Read `model:label=share`, several by commas. Returns: model -> its share. Raises: ValueError."""
    shares: dict[str, Share] = {}
    for entry in (part.strip() for part in text.split(",") if part.strip()):
        match = _ENTRY.fullmatch(entry)
        if match is None:
            raise ValueError(f"{entry!r} is not model:label=share, such as pizza:canary=0.1")
        if match["model"] in shares:
            raise ValueError(f"{match['model']!r} has two shares")
        shares[match["model"]] = Share(match["label"], _share(match["share"]))
    return shares


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"{text!r} is no share from 0 to 1, such as 0.1")
    return value
