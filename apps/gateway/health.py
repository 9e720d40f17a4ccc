"""GET /healthz, /readyz, /metrics and /version: what machines ask."""

from flask import Blueprint, Response, jsonify
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from gateway.messages import Alive, Deployed, Ready
from gateway.metrics import Metrics
from gateway.operations import operation
from gateway.predictor import Predictor
from gateway.problems import MODEL_UNAVAILABLE, Problem
from gateway.settings import Settings
from serving_api import errors
from serving_api.deadline import Deadline

_READY_TIMEOUT_S = 0.8  # Kubernetes gives a probe one second


def blueprint(settings: Settings, predictor: Predictor, metrics: Metrics) -> Blueprint:
    """Make the routes for probes, Prometheus and people who ask what runs."""
    routes = Blueprint("health", __name__)

    @routes.get("/healthz")
    @operation(Alive)
    def liveness() -> Response:
        """Answer; never asks the model server, whose failure a restart of the gateway would not mend."""
        return jsonify(status="ok")

    @routes.get("/readyz")
    @operation(Ready, problems=(503,))
    def readiness() -> Response:
        """Answer 200 when a model can be asked: its metadata is there, which TensorFlow Serving gives only then."""
        deadline = Deadline.after(_READY_TIMEOUT_S)
        for name in settings.models:
            try:
                predictor.signatures(name, deadline)
            except errors.ServingError:
                continue
            return jsonify(status="ready")
        raise Problem(MODEL_UNAVAILABLE, "No model answers.")

    @routes.get("/metrics")
    @operation("text/plain")
    def scrape() -> Response:
        """Give all metrics in Prometheus' text format."""
        return Response(generate_latest(metrics.registry), content_type=CONTENT_TYPE_LATEST)

    @routes.get("/version")
    @operation(Deployed)
    def version() -> Response:
        """Tell from which commit this was built, by which revision it was deployed, and its image."""
        return jsonify(commit=settings.commit, revision=settings.revision, image=settings.image)

    return routes
