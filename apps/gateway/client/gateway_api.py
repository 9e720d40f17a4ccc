"""Speak the gateway's own API (contract 3): picture files or links in, probabilities by label out.

KServe's V1 protocol has the same form: `{"instances": [...]}` in, `{"predictions": [...]}` out.
"""

import base64
import json
from collections.abc import Sequence
from typing import Any, NoReturn
from urllib.parse import quote

from gateway.client.answers import Answer, failure
from gateway.client.errors import Mismatch
from gateway.client.http import Http
from gateway.client.results import Description, Picture, Prediction
from serving_api.deadline import Deadline


class Gateway:
    """A gateway; links are fetched by it, so they must lead to where it may go. See gateway.client.servers."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def default(self, deadline: Deadline) -> str:
        """Name the gateway's default model."""
        return str(self._listed(deadline)["default"])

    def models(self, deadline: Deadline) -> Sequence[Description]:
        """List the models, also those that do not answer."""
        return [self._described(model) for model in self._listed(deadline)["models"]]

    def describe(self, model: str, deadline: Deadline, *, version: int | None, label: str | None) -> Description:
        """Tell what a model is."""
        return self._described(self._http.get(path_of(model, version, label), deadline))

    def classify(
        self, picture: Picture, model: str, deadline: Deadline, *, version: int | None, label: str | None
    ) -> Prediction:
        """Classify a picture."""
        instance = {"url": picture.url} if picture.url else {"b64": base64.b64encode(picture.data).decode()}
        path = f"{path_of(model, version, label)}:predict"
        answer = self._http.post(path, {"instances": [instance]}, deadline)
        try:
            (found,), served = answer["predictions"], answer["model"]
            if "error" in found:
                self._refuse(found["error"], path)
            probabilities = {str(name): float(value) for name, value in found["probabilities"].items()}
            prediction = Prediction(str(served["name"]), int(served["version"]), probabilities)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise Mismatch(f"{self._http.address}{path}: the answer is no prediction of one picture") from None
        if not probabilities:
            raise Mismatch(f"{self._http.address}{path}: the answer has no label")
        return prediction

    def close(self) -> None:
        """Close connections."""
        self._http.close()

    def _described(self, told: Any) -> Description:
        try:
            size = told["input"] or {"height": 0, "width": 0}
            return Description(
                name=told["name"],
                version=told["version"] or 0,
                state=told["state"],
                labels=tuple(told["labels"]),
                height=size["height"],
                width=size["width"],
                task=told["task"],
            )
        except (KeyError, TypeError):
            raise Mismatch(f"{self._http.address} does not describe models as a gateway does") from None

    def _listed(self, deadline: Deadline) -> Any:
        told = self._http.get("/v1/models", deadline)
        if not isinstance(told, dict) or not isinstance(told.get("models"), list) or "default" not in told:
            raise Mismatch(f"{self._http.address}/v1/models does not list models as a gateway does")
        return told

    def _refuse(self, problem: dict[str, Any], path: str) -> NoReturn:
        """Raise what is said of the instance; a gateway says it of the whole answer where there is only one."""
        raise failure(Answer(int(problem["status"]), {}, json.dumps(problem).encode()), f"{self._http.address}{path}")


def path_of(model: str, version: int | None, label: str | None) -> str:
    """Give the address of a model, version or label, which TensorFlow Serving and the gateway share."""
    path = f"/v1/models/{quote(model, safe='')}"
    if version is not None:
        return f"{path}/versions/{version}"
    return path if label is None else f"{path}/labels/{quote(label, safe='')}"
