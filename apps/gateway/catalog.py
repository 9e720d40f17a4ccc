"""Remember what each model is, and notice new versions."""

import threading
import time
from collections.abc import Mapping

from gateway.discovery import discover
from gateway.foreign import ForeignModel
from gateway.model import Model
from gateway.predictor import Predictor
from gateway.problems import UNKNOWN_MODEL, Problem
from serving_api import errors
from serving_api.deadline import Deadline

Key = tuple[str, int | None, str | None]


class Catalog:
    """The models that the gateway serves; safe to use from many threads.

    Args:
        names: of the models; the first is the default.
        foreign: entries of models without a `describe` signature, by name.
        ttl_s: for how long an answer is believed, seconds: so soon a new version is noticed.
    """

    def __init__(
        self, predictor: Predictor, names: tuple[str, ...], foreign: Mapping[str, ForeignModel], ttl_s: float
    ) -> None:
        self.names = names
        self._predictor = predictor
        self._foreign = foreign
        self._ttl_s = ttl_s
        self._known: dict[Key, tuple[Model, float]] = {}
        # One question about a model at a time: the others want the same answer, or share the failure.
        self._locks = {name: threading.Lock() for name in names}
        self._failed: dict[str, tuple[Key, float, errors.ServingError]] = {}

    def require(self, name: str) -> None:
        """Refuse a name that is not configured. Raises: Problem (HTTP 404)."""
        if name not in self.names:
            raise Problem(UNKNOWN_MODEL, f"There is no model {name!r}; there are: {', '.join(self.names)}.")

    def get(self, name: str, deadline: Deadline, *, version: int | None = None, label: str | None = None) -> Model:
        """Give a model; its newest version unless one is asked for by number or label.

        Raises: Problem (404) for an unknown name, version or label; ServingError.
        """
        self.require(name)
        key = (name, version, label)
        known, now_s = self._known.get(key), time.monotonic()
        if known is not None and now_s < known[1]:
            return known[0]
        lock = self._locks[name]
        # What was right seconds ago beats waiting for a server that may hang.
        if not lock.acquire(timeout=deadline.remaining_s() if known is None else 0):
            if known is not None:
                return known[0]
            raise errors.ModelTimeout("no time was left to ask what the model is")
        try:
            return self._refresh(key, now_s, deadline)
        finally:
            lock.release()

    def forget(self, name: str, deadline: Deadline) -> None:
        """Ask anew next time: a version turned out to be gone."""
        lock = self._locks[name]
        if lock.acquire(timeout=deadline.remaining_s()):
            try:
                for key in [key for key in self._known if key[0] == name]:
                    del self._known[key]
            finally:
                lock.release()

    def _refresh(self, key: Key, asked_s: float, deadline: Deadline) -> Model:
        name = key[0]
        known = self._known.get(key)
        if known is not None and time.monotonic() < known[1]:
            return known[0]  # another thread asked while this one waited
        failed = self._failed.get(name)
        if failed is not None and failed[0] == key and asked_s <= failed[1]:
            raise type(failed[2])(failed[2].message, failed[2].code)  # likewise, in vain
        try:
            model = discover(
                self._predictor,
                name,
                deadline,
                version=key[1],
                label=key[2],
                known=known[0] if known else None,
                foreign=self._foreign.get(name),
            )
        except (errors.ModelNotFound, errors.InvalidRequest) as error:
            self._known.pop(key, None)
            raise self._refusal(key, deadline) or error from error
        except errors.ServingError as error:
            self._failed[name] = (key, time.monotonic(), error)
            raise
        self._known[key] = (model, time.monotonic() + self._ttl_s)
        return model

    def _refusal(self, key: Key, deadline: Deadline) -> Problem | None:
        """Tell a version or label that is not there from a model that is not ready."""
        name, version, label = key
        if version is None and label is None:
            return None
        states = self._predictor.status(name, deadline)
        if not any(one.state == "AVAILABLE" for one in states):
            return None
        wanted = f"version {version}" if label is None else f"version with the label {label!r}"
        return Problem(UNKNOWN_MODEL, f"The model {name} has no {wanted}.")
