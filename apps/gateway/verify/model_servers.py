"""Check one model server over gRPC, by the same code that a gateway asks it with."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from gateway.catalog import Catalog
from gateway.foreign import ForeignModel
from gateway.goldens import difference, tensors
from gateway.pictures import PictureError
from gateway.predictor import channel_to
from gateway.problems import Problem
from gateway.tls import Tls
from gateway.verify.checks import Red
from gateway.verify.expected import Expected
from gateway.verify.pace import AT_ONCE, paced
from serving_api.client import ModelServer
from serving_api.deadline import Deadline
from serving_api.errors import ServingError

_BELIEVED_S = 3600.0  # longer than a check: each model is asked once what it is


def check_model_server(
    address: str,
    models: Sequence[Expected],
    foreign: Mapping[str, ForeignModel],
    deadline: Deadline,
    tls: Tls | None = None,
) -> str:
    """Check that the server answers every golden within its tolerance, at its version, with its labels.

    Args:
        address: host:port of one server.
        models: what must answer.
        foreign: see GATEWAY_FOREIGN_MODELS.
        deadline: for all of it.
        tls: how the server is known; None for plain text.
    Returns: what answered. Raises: Red.
    """
    server = ModelServer(partial(channel_to, address, tls))
    catalog = Catalog(server, tuple(model.name for model in models), foreign, _BELIEVED_S)
    pictures, worst = 0, 0.0
    try:
        for model in models:
            try:
                _check_versions(catalog, model, deadline)
                worst = max([worst, *_differences(server, catalog, model, deadline)])
            except (Red, Problem, ServingError, PictureError) as error:
                raise Red(f"{model.name}: {error}") from None
            pictures += sum(len(golden.pictures) for golden in model.goldens)
    finally:
        server.close()
    return f"{pictures} goldens of {summary(models)}: at most {worst:.1g} off"


def summary(models: Sequence[Expected]) -> str:
    """Name models with their versions."""
    return ", ".join(
        " ".join([model.name, *(str(golden.version) for golden in model.goldens)]) for model in models
    )  # fmt: skip


def _check_versions(catalog: Catalog, model: Expected, deadline: Deadline) -> None:
    """Check which version answers when none is named, and which each label leads to."""
    newest = catalog.get(model.name, deadline).version
    if model.goldens and newest != model.goldens[0].version:
        raise Red(f"answers as version {newest}, not {model.goldens[0].version}")
    for label, version in model.labels.items():
        actual = catalog.get(model.name, deadline, label=label).version
        if actual != version:
            raise Red(f"the label {label!r} leads to version {actual}, not {version}")


def _differences(server: ModelServer, catalog: Catalog, model: Expected, deadline: Deadline) -> list[float]:
    """Ask each version for its goldens. Returns: version by version, the largest |difference| of a probability."""
    found = []
    for golden in model.goldens:
        served = catalog.get(model.name, deadline, version=golden.version)
        if served.labels != golden.labels:
            raise Red(f"version {served.version} has labels {list(served.labels)}, not {list(golden.labels)}")
        images = tensors(golden, served.height, served.width)
        rows: list[list[float]] = []
        for begin in range(0, len(images), AT_ONCE):
            with paced(deadline):
                rows += served.classify(server, images[begin : begin + AT_ONCE], deadline).tolist()
        found.append(difference(np.array(rows, np.float64), golden.probabilities))
        if not found[-1] <= golden.tolerance:
            raise Red(
                f"version {served.version} is {found[-1]:.2g} off on a golden; at most {golden.tolerance:g} is allowed"
            )
    return found
