"""GET /v1/models and GET /v1/models/{name}, also of a version or label."""

from flask import Blueprint, Response, g, jsonify

from gateway.catalog import Catalog
from gateway.limits import limits_of
from gateway.messages import ModelDetails, Models, ModelSummary
from gateway.model import Model
from gateway.operations import OF_MODEL, operation
from gateway.predictor import Predictor
from gateway.settings import Settings
from serving_api import errors
from serving_api.client import VersionStatus

_AVAILABLE = "AVAILABLE"
_UNAVAILABLE = "UNAVAILABLE"  # no server, or one that does not know the model


def blueprint(catalog: Catalog, predictor: Predictor, settings: Settings) -> Blueprint:
    """Make the routes about models."""
    routes = Blueprint("models", __name__)
    limits = limits_of(settings)

    @routes.get("/v1/models")
    @operation(Models)
    def list_models() -> Response:
        """List the models, and the limits of a request.

        A model that does not answer is listed with its state, so that people see that it exists.
        """
        models: Models = {
            "default": catalog.names[0],
            "models": [_listed(name) for name in catalog.names],
            "limits": limits,
        }
        return jsonify(models)

    @routes.get("/v1/models/<name>")
    @routes.get("/v1/models/<name>/versions/<int:version>")
    @routes.get("/v1/models/<name>/labels/<label>")
    @operation(ModelDetails, problems=(400, 404, *OF_MODEL))
    def show_model(name: str, version: int | None = None, label: str | None = None) -> Response:
        """Describe one model: versions with their states, labels, input size, card."""
        catalog.require(name)
        versions = predictor.status(name, g.deadline)
        model = None
        if _state(versions) == _AVAILABLE or version is not None or label is not None:
            model = catalog.get(name, g.deadline, version=version, label=label)
        details: ModelDetails = {
            **_summary(name, _state(versions), model),
            "versions": [{"version": one.version, "state": one.state, "error": one.error_message} for one in versions],
            "card": dict(model.card) if model else None,
        }
        return jsonify(details)

    def _listed(name: str) -> ModelSummary:
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


def _summary(name: str, state: str, model: Model | None) -> ModelSummary:
    return {
        "name": name,
        "state": state,
        "version": model.version if model else None,
        "labels": list(model.labels) if model else [],
        "input": {"height": model.height, "width": model.width} if model else None,
        "task": str(model.card.get("task", "")) if model else "",
    }
