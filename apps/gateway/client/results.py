"""What the client gives, whichever protocol was spoken."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Picture:
    """A picture to classify: its file, or the URL where it is.

    Attributes:
        data: a JPEG, PNG, WebP, GIF, BMP or AVIF file.
        url: http(s); who fetches it depends on the protocol, see README.md. Only where there is no `data`.
    """

    data: bytes = b""
    url: str = ""


@dataclass(frozen=True)
class Prediction:
    """What a model makes of a picture; `probabilities` are 0..1 by label, in the model's order, and sum to 1."""

    model: str
    version: int
    probabilities: Mapping[str, float]

    @property
    def label(self) -> str:
        """The likeliest label."""
        return max(self.probabilities, key=lambda label: self.probabilities[label])

    @property
    def probability(self) -> float:
        """How likely that one is."""
        return self.probabilities[self.label]


@dataclass(frozen=True)
class Description:
    """One version of a model.

    Attributes:
        version: the one that was asked for, else the one that answers; 0 where none does.
        state: such as AVAILABLE.
        labels: in the order of the model's output.
        height: of its input, pixels; 0 where it is not known.
        width: likewise.
        task: a sentence for people; may be empty.
    """

    name: str
    version: int
    state: str
    labels: tuple[str, ...] = ()
    height: int = 0
    width: int = 0
    task: str = ""
