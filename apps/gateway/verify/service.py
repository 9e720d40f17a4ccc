"""Check the gateways as clients reach them: picture files in over HTTP, the goldens' probabilities out."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import numpy as np

from gateway.goldens import Golden, difference
from gateway.verify.checks import Red
from gateway.verify.expected import Expected
from gateway.verify.http import Http
from gateway.verify.pace import AT_ONCE, paced
from serving_api.deadline import Deadline

_BOUNDARY = "image-classifiers-golden"


def check_service(service: str, models: Sequence[Expected], deadline: Deadline, key: str = "") -> str:
    """Check that the gateways answer every golden, by version and without one, as JSON and as a form.

    Args:
        service: address of the gateways.
        models: what must answer; the first is the default.
        deadline: for all of it.
        key: of the gateways' API; empty where they ask for none.
    Returns: what answered. Raises: Red.
    """
    gateway = Http(service, deadline, key)
    pictures, worst = 0, 0.0
    for model in models:
        path = f"/v1/models/{quote(model.name, safe='')}"
        for golden in model.goldens:
            by_version = f"{path}/versions/{golden.version}:predict"
            worst = max(worst, _ask(gateway, by_version, golden, [golden], deadline))
            pictures += len(golden.pictures)
        if model.goldens:
            # A share of the requests without a version may go to any version, where there are labels.
            accepted = model.goldens if model.labels else model.goldens[:1]
            worst = max(worst, _ask(gateway, f"{path}:predict", model.goldens[0], accepted, deadline))
    if models and models[0].goldens:
        _ask_form(gateway, models[0].goldens)
    return f"{pictures} goldens: at most {worst:.1g} off"


def _ask(gateway: Http, path: str, sent: Golden, accepted: Sequence[Golden], deadline: Deadline) -> float:
    """Send a version's pictures as JSON. Returns: the largest |difference|, by the goldens of who answered."""
    worst = 0.0
    by_version = {golden.version: golden for golden in accepted}
    for begin in range(0, len(sent.pictures), AT_ONCE):
        some = sent.pictures[begin : begin + AT_ONCE]
        body = {"instances": [{"b64": base64.b64encode(picture).decode()} for picture in some]}
        with paced(deadline):
            answer = gateway.post(path, json.dumps(body).encode(), "application/json")
        try:
            version, predictions = answer["model"]["version"], answer["predictions"]
            golden = by_version.get(version)
            if golden is None:
                raise Red(f"{path}: version {version} answered, not {' or '.join(map(str, by_version))}")
            found = [_probabilities(path, one, golden) for one in predictions]
        except (KeyError, TypeError, AttributeError):
            raise Red(f"{path}: the answer is no list of predictions with the model's version") from None
        if sent.pictures == golden.pictures:  # another version may have other goldens
            worst = max(worst, _compare(path, found, golden, begin))
    return worst


def _ask_form(gateway: Http, goldens: Sequence[Golden]) -> None:
    """Send the default model one picture the way that a form does, where the answer is bare."""
    head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="golden.png"\r\n\r\n'
    body = head.encode() + goldens[0].pictures[0] + f"\r\n--{_BOUNDARY}--\r\n".encode()
    answer = gateway.post("/predict", body, f"multipart/form-data; boundary={_BOUNDARY}")
    # Which version answered is not told here.
    if not isinstance(answer, dict) or tuple(answer) not in {golden.labels for golden in goldens}:
        raise Red(f"/predict: the answer has not the labels {list(goldens[0].labels)}")


def _probabilities(path: str, prediction: Mapping[str, Any], golden: Golden) -> list[float]:
    """Read one prediction; its labels are the golden's, in order, and the likeliest is named."""
    if "error" in prediction:
        raise Red(f"{path}: {prediction['error']['detail']}")
    probabilities: dict[str, float] = prediction["probabilities"]
    if tuple(probabilities) != golden.labels:
        raise Red(f"{path}: the labels are {list(probabilities)}, not {list(golden.labels)}")
    if prediction["label"] != max(probabilities, key=lambda label: probabilities[label]):
        raise Red(f"{path}: {prediction['label']!r} is named, which is not the likeliest label")
    return list(probabilities.values())


def _compare(path: str, found: Sequence[Sequence[float]], golden: Golden, begin: int) -> float:
    expected = golden.probabilities[begin : begin + AT_ONCE]
    off = difference(np.array(found, dtype=np.float64), expected)
    if not off <= golden.tolerance:
        raise Red(
            f"{path}: version {golden.version} is {off:.2g} off on a golden; at most {golden.tolerance:g} is allowed"
        )
    return off
