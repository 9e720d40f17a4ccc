"""What every protocol offers to the client: one try of each call, within a deadline, never repeated here."""

from collections.abc import Sequence
from typing import Protocol

from gateway.client.results import Description, Picture, Prediction
from serving_api.deadline import Deadline


class Server(Protocol):
    """A server of one protocol; safe to use from many threads. Every call raises ClientError and nothing else."""

    def default(self, deadline: Deadline) -> str:
        """Name the model that is meant where none is named. Raises: UsageError where the protocol has none."""

    def models(self, deadline: Deadline) -> Sequence[Description]:
        """List the models, also those that do not answer. Raises: UsageError where the protocol cannot."""

    def describe(self, model: str, deadline: Deadline, *, version: int | None, label: str | None) -> Description:
        """Tell what a model is: the version of this number or label, else the one that answers."""

    def classify(
        self, picture: Picture, model: str, deadline: Deadline, *, version: int | None, label: str | None
    ) -> Prediction:
        """Classify a picture."""

    def close(self) -> None:
        """Close connections."""
