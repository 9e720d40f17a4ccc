"""GET /v1/models and GET /v1/models/{name}."""

from typing import Any

from flask import Blueprint, Response, g, jsonify

from gateway.catalog import Catalog
from gateway.model import Model
from gateway.predictor import Predictor
from serving_api import errors
from serving_api.client import VersionStatus

_AVAILABLE = "AVAILABLE"
_UNAVAILABLE = "UNAVAILABLE"  # no server, or one that does not know the model


def blueprint(catalog: Catalog, predictor: Predictor) -> Blueprint:
    """Make the routes about models."""
    routes = Blueprint("models", __name__)

    @routes.get("/v1/models")
    def list_models() -> Response:
        """List the models; one that does not answer is listed with its state, so that people see that it exists."""
        return jsonify(default=catalog.names[0], models=[_listed(name) for name in catalog.names])

    @routes.get("/v1/models/<name>")
    def show_model(name: str) -> Response:
        """Describe one model: versions with their states, labels, input size, card."""
        catalog.require(name)
        versions = predictor.status(name, g.deadline)
        model = catalog.get(name, g.deadline) if _state(versions) == _AVAILABLE else None
        states = [{"version": one.version, "state": one.state, "error": one.error_message} for one in versions]
        return jsonify(**_summary(name, _state(versions), model), versions=states, card=model.card if model else None)

    def _listed(name: str) -> dict[str, Any]:
        try:
            state = _state(predictor.status(name, g.deadline))
            return _summary(name, state, catalog.get(name, g.deadline) if state == _AVAILABLE else None)
        except errors.ServingError:
            return _summary(name, _UNAVAILABLE, None)

    return routes


def _state(versions: list[VersionStatus]) -> str:
    """Sum a model's versions up: available where one of them is, else what the newest is."""
    if any(one.state == _AVAILABLE for one in versions):
        return _AVAILABLE
    return versions[0].state if versions else _UNAVAILABLE


def _summary(name: str, state: str, model: Model | None) -> dict[str, Any]:
    if model is None:
        return {"name": name, "state": state, "version": None, "labels": [], "input": None, "task": ""}
    return {
        "name": name,
        "state": state,
        "version": model.version,
        "labels": model.labels,
        "input": {"height": model.height, "width": model.width},
        "task": str(model.card.get("task", "")),
    }
