"""Choose the version that answers a request which names none: the canary by its share, else the stable one.

By chance for each request, not by client: an answer needs nothing of the one before, so the share is exact, and no
gateway has to remember anybody. A label that leads nowhere costs nobody an answer: the next best version gives it.
"""

import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.catalog import Catalog
from gateway.metrics import Metrics
from gateway.model import Model
from gateway.problems import Problem
from gateway.shares import Share
from serving_api import errors
from serving_api.deadline import Deadline

STABLE = "stable"
# What a version is to blame for; a server that is down, full or slow would be so for another version too.
_VERSION_FAILED = (errors.ModelNotFound, errors.ContractMismatch, errors.ServerError, errors.InvalidRequest)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Route:
    """The way of one request: `model` answers it.

    `label` led to it where a share sent the request there; `others` are tried when it fails, None being the newest
    version. `pinned` is what the request itself asked for. `again`: its version was looked up for the second time.
    """

    model: Model
    label: str | None = None
    others: tuple[str | None, ...] = ()
    pinned: Mapping[str, Any] = field(default_factory=dict)
    again: bool = False


class Canaries:
    """The shares of all models; safe to use from many threads.

    Args:
        shares: by model; a model without one answers by its newest version.
        catalog: where versions are looked up.
        metrics: where requests are counted that did not get the version drawn for them.
        retry_s: for how long a label that led nowhere is left alone, seconds.
        draw: gives a number from 0 to 1, 1 excluded.
    """

    def __init__(
        self,
        shares: Mapping[str, Share],
        catalog: Catalog,
        metrics: Metrics,
        retry_s: float,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._shares = shares
        self._catalog = catalog
        self._metrics = metrics
        self._retry_s = retry_s
        self._draw = draw
        self._left_alone: dict[tuple[str, str], float] = {}

    def route(self, name: str, deadline: Deadline, *, version: int | None = None, label: str | None = None) -> Route:
        """Choose a version for a request; one that names version or label gets that.

        Raises: Problem, ServingError, where no version can be had.
        """
        pinned: dict[str, Any] = {"version": version, "label": label}
        share = self._shares.get(name)
        if share is None or version is not None or label is not None:
            return Route(self._catalog.get(name, deadline, **pinned), pinned=pinned)
        labels = (share.label, STABLE, None) if self._draw() < share.share else (STABLE, None)
        return self._first(name, labels, deadline)

    def after_failure(self, route: Route, error: errors.ServingError, deadline: Deadline) -> Route | None:
        """Choose anew for a request whose version failed; None where nothing is left to try.

        Raises: Problem, ServingError, where no version can be had.
        """
        name = route.model.name
        if isinstance(error, errors.ModelNotFound) and not route.again:
            self._catalog.forget(name, deadline)  # the version went away since the catalog looked
            if route.label is None:
                return replace(route, model=self._catalog.get(name, deadline, **route.pinned), again=True)
            return replace(self._first(name, (route.label, *route.others), deadline), again=True)
        if route.label is None or not isinstance(error, _VERSION_FAILED):
            return None
        self._leave_alone(name, route.label, error)
        return self._first(name, route.others, deadline)

    def _first(self, name: str, labels: tuple[str | None, ...], deadline: Deadline) -> Route:
        """Take the first label that leads to a version."""
        label, others = labels[0], labels[1:]
        if label is None:
            return Route(self._catalog.get(name, deadline))
        if time.monotonic() >= self._left_alone.get((name, label), 0.0):
            try:
                return Route(self._catalog.get(name, deadline, label=label), label, others)
            except (Problem, *_VERSION_FAILED) as error:
                self._leave_alone(name, label, error)
        else:
            self._metrics.canary_fallbacks.labels(name, label).inc()
        return self._first(name, others, deadline)

    def _leave_alone(self, name: str, label: str, error: Exception) -> None:
        self._metrics.canary_fallbacks.labels(name, label).inc()
        self._left_alone[name, label] = time.monotonic() + self._retry_s
        log.warning("model %s: no answer by the label %r, so another version answers: %s", name, label, error)
