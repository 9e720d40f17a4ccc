"""POST /predict and POST /v1/models/{name}:predict."""

from collections.abc import Mapping
from typing import cast

from flask import Blueprint, Response, g, jsonify, request

from gateway.catalog import Catalog
from gateway.classify import Classifier
from gateway.inputs import Request, read_instances, read_single
from gateway.messages import Failure, Instances, Picture, Prediction, Predictions, Probabilities
from gateway.operations import MANY, OF_PICTURES, operation
from gateway.problems import Problem
from gateway.settings import Settings


def blueprint(classifier: Classifier, catalog: Catalog, settings: Settings) -> Blueprint:
    """Make the prediction routes."""
    routes = Blueprint("predict", __name__)

    @routes.post("/predict")
    @operation(Probabilities, takes=Picture, files=1, problems=OF_PICTURES)
    def predict_default() -> Response:
        """Answer {label: probability} of one picture by the default model."""
        instance = read_single(cast("Request", request))
        (result,) = classifier.classify(settings.models[0], [instance], g.deadline).results
        if isinstance(result, Problem):
            raise result
        return jsonify(result)

    @routes.post("/v1/models/<name>:predict")
    @routes.post("/v1/models/<name>/versions/<int:version>:predict")
    @routes.post("/v1/models/<name>/labels/<label>:predict")
    @operation(Predictions, takes=Instances, files=MANY, problems=OF_PICTURES)
    def predict(name: str, version: int | None = None, label: str | None = None) -> Response:
        """Answer one result or one error an instance, in order."""
        catalog.require(name)
        instances = read_instances(cast("Request", request), settings.max_instances)
        g.pictures = len(instances)  # what the caller's rate is charged for
        answer = classifier.classify(name, instances, g.deadline, version=version, label=label)
        if all(isinstance(result, Problem) for result in answer.results):
            raise cast("Problem", answer.results[0])
        predictions: Predictions = {
            "predictions": [_prediction(result) for result in answer.results],
            "model": {"name": answer.model.name, "version": answer.model.version},
        }
        return jsonify(predictions)

    return routes


def _prediction(result: Mapping[str, float] | Problem) -> Prediction | Failure:
    if isinstance(result, Problem):
        return {"error": result.as_json()}
    label = max(result, key=lambda name: result[name])
    return {"label": label, "probability": result[label], "probabilities": dict(result)}
