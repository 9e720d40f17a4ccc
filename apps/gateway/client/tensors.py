"""Classify by a server that takes tensors: decode here, by the project's one decoder, to the size that the model says.

Links are fetched here too, from any host, this machine included: whoever names them is the one who runs this.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from gateway.client.errors import ClientError, Mismatch, OutOfTime, PictureRefused, Refused, Unavailable, UsageError
from gateway.client.results import Description, Picture, Prediction
from gateway.model import Model
from gateway.pictures import NotAPicture, PictureError, PictureTooLarge, to_tensor
from gateway.predictor import Predicts
from serving_api import errors
from serving_api.deadline import Deadline

MAX_IMAGE_BYTES = 50 * 2**20
_STATUS_OF: dict[type[PictureError], int] = {NotAPicture: 415, PictureTooLarge: 413}
_UNDECODABLE = 422


class Find(Protocol):
    """Finds out what a model is; `gateway.discovery.discover` with a predictor is one."""

    def __call__(
        self, name: str, deadline: Deadline, *, version: int | None, label: str | None, known: Model | None
    ) -> Model:
        """Give the model; `known` again where its version is still the one. Raises: ServingError, ClientError."""


class TensorServer:
    """A server of tensors; see gateway.client.servers.

    Args:
        predictor: the server's calls, which raise ServingError or ClientError.
        find: finds out what a model is.
        close: closes connections.
    """

    def __init__(self, predictor: Predicts, find: Find, close: Callable[[], None]) -> None:
        self._predictor = predictor
        self._find = find
        self._known: dict[tuple[str, int | None, str | None], Model] = {}
        self.close = close

    def default(self, _deadline: Deadline) -> str:
        """Refuse: only a gateway has a default."""
        raise UsageError("name a model: this protocol has no default (--model)")

    def models(self, _deadline: Deadline) -> Sequence[Description]:
        """Refuse: only a gateway lists its models."""
        raise UsageError("name the models: this protocol cannot list them")

    def describe(self, model: str, deadline: Deadline, *, version: int | None, label: str | None) -> Description:
        """Tell what a model is."""
        with translated():
            found = self._model(model, deadline, version, label)
        task = str(found.card.get("task", ""))
        return Description(model, found.version, "AVAILABLE", found.labels, found.height, found.width, task)

    def classify(
        self, picture: Picture, model: str, deadline: Deadline, *, version: int | None, label: str | None
    ) -> Prediction:
        """Classify a picture."""
        with translated():
            found = self._model(model, deadline, version, label)
            data = fetch(picture.url, deadline) if picture.url else picture.data
            image = to_tensor(data, found.height, found.width)
            (row,) = found.classify(self._predictor, image[None], deadline).tolist()
        return Prediction(model, found.version, dict(zip(found.labels, row, strict=True)))

    def _model(self, name: str, deadline: Deadline, version: int | None, label: str | None) -> Model:
        key = (name, version, label)
        known = self._known.get(key)
        if known is None or version is None:  # a version is what it is; which one is the newest may change
            self._known[key] = known = self._find(name, deadline, version=version, label=label, known=known)
        return known


@contextmanager
def translated() -> Iterator[None]:
    """Raise what the model server's client and the decoder raise as the client's errors."""
    try:
        yield
    except PictureError as error:
        raise PictureRefused(str(error), _STATUS_OF.get(type(error), _UNDECODABLE)) from error
    except errors.ServingError as error:
        raise _translate(error) from error


def _translate(error: errors.ServingError) -> ClientError:
    match error:
        case errors.ModelUnavailable():
            return Unavailable(error.message)
        case errors.ModelTimeout():
            return OutOfTime(error.message)
        case errors.ModelNotFound():
            return Refused(error.message, 404)
        case errors.InvalidRequest():
            return Refused(error.message)
        case _:
            return Mismatch(error.message)


def fetch(url: str, deadline: Deadline) -> bytes:
    """Fetch a picture from any host, this machine included. Raises: PictureRefused, OutOfTime."""
    # Imported here: who has files needs no resolver, threads and TLS.
    from gateway.fetch import Fetcher, FetchTimeout
    from gateway.urls import FetchError

    try:
        return Fetcher(MAX_IMAGE_BYTES, allow_loopback=True).fetch(url, deadline)
    except FetchTimeout as error:
        raise OutOfTime(f"{url}: {error}") from error
    except FetchError as error:
        raise PictureRefused(f"{url}: {error}") from error
