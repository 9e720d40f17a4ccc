"""`verify`: hold a server to its models' goldens, with the checks, rounds and report of `gateway verify`.

That command verifies a deployment, every pod of it; this one a server, by any protocol.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from gateway.client.client import Client
from gateway.client.errors import ClientError, UsageError
from gateway.goldens import GOLDEN_FILE, Golden, difference
from gateway.verify.checks import Check, Red, Result, run_all
from gateway.verify.expected import ExpectationError, Expected, read_expected
from gateway.verify.model_servers import check_model_server
from gateway.verify.pace import paced
from gateway.verify.report import Report
from gateway.verify.rounds import until_green
from gateway.verify.service import check_service
from serving_api.deadline import Deadline


def verify(
    server: str,
    protocol: str,
    client: Client,
    *,
    goldens: Path,
    models_config: Path | None,
    names: Sequence[str],
    timeout_s: float,
    key: str,
    ca_file: str = "",
) -> bool:
    """Check until two rounds in a row are green, or time is up, and print what is found.

    Args:
        server: its address.
        protocol: what is spoken there.
        client: the way to it.
        goldens: folder with NAME/VERSION/golden.json.
        models_config: the model server's list; without it each model's newest golden must answer.
        names: models to check where there is no list; none: all that have goldens.
        timeout_s: for all rounds, seconds.
        key: of the gateway's API.
        ca_file: certificates by which the server is known; the checks that `gateway verify` has take none.
    Returns: whether all is green. Raises: UsageError where there are no goldens.
    """
    there = sorted({path.parents[1].name for path in goldens.glob(f"*/*/{GOLDEN_FILE}")})
    if not there:
        raise UsageError(f"{goldens}: holds no NAME/VERSION/{GOLDEN_FILE}; --goldens names the folder")
    try:
        models = read_expected(models_config, names or there, goldens, frozenset())
    except ExpectationError as error:
        raise UsageError(str(error)) from None

    def one_round(deadline: Deadline) -> dict[str, Result]:
        checks: dict[str, Check]
        if protocol == "gateway" and not ca_file:
            checks = {f"gateway {server}": partial(check_service, server, models, deadline, key)}
        elif protocol == "serving-grpc" and not ca_file:
            checks = {f"model server {server}": partial(check_model_server, server, models, {}, deadline)}
        else:
            checks = {f"{protocol} {model.name}": partial(check_model, client, model, deadline) for model in models}
        return run_all(checks, deadline)

    report = Report()
    green = until_green(one_round, report, Deadline.after(timeout_s))
    report.end(green=green, limit_s=timeout_s)
    return green


def check_model(client: Client, model: Expected, deadline: Deadline) -> str:
    """Check that a model answers every golden within its tolerance, and its newest version where none is named.

    Returns: what answered. Raises: Red.
    """
    try:
        answering = client.describe(model.name).version
        if model.goldens and answering != model.goldens[0].version:
            raise Red(f"answers as version {answering}, not {model.goldens[0].version}")
        worst = max((_worst(client, golden, deadline) for golden in model.goldens), default=0.0)
    except ClientError as error:
        raise Red(str(error)) from None
    pictures = sum(len(golden.pictures) for golden in model.goldens)
    return f"{pictures} goldens of {model.name}: at most {worst:.1g} off"


def _worst(client: Client, golden: Golden, deadline: Deadline) -> float:
    """Ask a version for its goldens. Returns: the largest |difference| of a probability."""
    rows = []
    for picture in golden.pictures:
        with paced(deadline):
            found = client.classify(picture, golden.model, version=golden.version).probabilities
        if tuple(found) != golden.labels:
            raise Red(f"version {golden.version} has labels {list(found)}, not {list(golden.labels)}")
        rows.append(list(found.values()))
    off = difference(np.array(rows, np.float64), golden.probabilities)
    if not off <= golden.tolerance:
        raise Red(f"version {golden.version} is {off:.2g} off on a golden; at most {golden.tolerance:g} is allowed")
    return off
