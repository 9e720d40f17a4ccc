"""The Open Inference Protocol, version 2, below /v2: health, metadata, and infer with an image tensor.

For KServe's and Triton's clients. A client that has a picture and no tensor of the model's size asks /v1, whose gateway
decodes and resizes as training did.
"""

from typing import cast

import numpy as np
from flask import Blueprint, Response, g, jsonify, request

from gateway import inference_tensors as tensors
from gateway.catalog import Catalog
from gateway.classify import Answer, Classifier
from gateway.inputs import Request, is_json, refuse_coding
from gateway.messages import InferAnswer, InferRequest, Live, ModelMetadata, ModelReady, ServerMetadata, ServerReady
from gateway.model import Model
from gateway.operations import OF_BODY, OF_MODEL, operation
from gateway.predictor import Predictor
from gateway.problems import BAD_REQUEST, NOT_A_PICTURE, Problem, respond
from gateway.settings import Settings

_BINARY = "application/octet-stream"
_LENGTH = "Inference-Header-Content-Length"


def blueprint(classifier: Classifier, catalog: Catalog, predictor: Predictor, settings: Settings) -> Blueprint:
    """Make the routes."""
    routes = Blueprint("open_inference", __name__, url_prefix="/v2")

    @routes.errorhandler(Exception)
    def refuse(error: Exception) -> Response:
        """Answer with a problem that has the protocol's own `error` as well."""
        return respond(error, with_error=True)

    @routes.get("")
    @operation(ServerMetadata)
    def server_metadata() -> Response:
        """Tell who answers, and which extensions there are."""
        answer: ServerMetadata = {
            "name": "image-classifiers",
            "version": settings.commit,
            "extensions": ["binary_tensor_data"],
        }
        return jsonify(answer)

    @routes.get("/health/live")
    @operation(Live)
    def live() -> Response:
        """Answer; never asks the model server."""
        return jsonify(live=True)

    @routes.get("/health/ready")
    @operation(ServerReady, problems=OF_MODEL)
    def ready() -> Response:
        """Answer 200 when every model can be asked."""
        for name in catalog.names:
            predictor.signatures(name, g.deadline)
        return jsonify(ready=True)

    @routes.get("/models/<name>/ready")
    @routes.get("/models/<name>/versions/<int:version>/ready")
    @operation(ModelReady, problems=(404, *OF_MODEL))
    def model_ready(name: str, version: int | None = None) -> Response:
        """Answer 200 when this model can be asked."""
        catalog.get(name, g.deadline, version=version)
        predictor.signatures(name, g.deadline, version=version)  # the catalog believes an earlier answer for a while
        return jsonify(name=name, ready=True)

    @routes.get("/models/<name>")
    @routes.get("/models/<name>/versions/<int:version>")
    @operation(ModelMetadata, problems=(404, *OF_MODEL))
    def model_metadata(name: str, version: int | None = None) -> Response:
        """Describe a model's tensors."""
        model = catalog.get(name, g.deadline, version=version)
        versions = [str(one.version) for one in predictor.status(name, g.deadline) if one.state == "AVAILABLE"]
        return jsonify(_metadata(model, versions))

    @routes.post("/models/<name>/infer")
    @routes.post("/models/<name>/versions/<int:version>/infer")
    @operation(InferAnswer, takes=InferRequest, binary=True, problems=(*OF_BODY, 404, 502, *OF_MODEL))
    def infer(name: str, version: int | None = None) -> Response:
        """Classify an image tensor.

        With the binary extension the tensor's bytes follow the JSON, and Inference-Header-Content-Length says how long
        the JSON is.
        """
        catalog.require(name)
        model = catalog.get(name, g.deadline, version=version)
        call = _read(cast("Request", request), model, settings.max_instances)
        g.pictures = len(call.images)  # what the caller's rate is charged for
        answer = classifier.classify(name, call.images, g.deadline, version=version)
        return _written(call, answer)

    return routes


def _read(request: Request, model: Model, max_instances: int) -> tensors.InferCall:
    body = request.read_body()
    refuse_coding(request)
    if not (is_json(request) or request.mimetype in ("", _BINARY)):
        raise Problem(NOT_A_PICTURE, f"Send application/json, or {_BINARY} with the binary extension.")
    length = request.headers.get(_LENGTH)
    if length is not None and not (length.isascii() and length.isdigit() and len(length) <= len(str(len(body)))):
        raise Problem(BAD_REQUEST, f"{_LENGTH} must be the number of the JSON's bytes.")
    json_bytes = None if length is None else int(length)
    return tensors.read_infer(body, json_bytes, (model.height, model.width), max_instances)


def _written(call: tensors.InferCall, answer: Answer) -> Response:
    """Write an answer; all of its images were of the model's size, so a problem of one is that of all."""
    rows = []
    for result in answer.results:
        if isinstance(result, Problem):
            raise result
        rows.append(list(result.values()))
    named = (answer.model.name, answer.model.version)
    body, json_bytes = tensors.write_infer(call, named, answer.model.labels, np.array(rows, np.float32))
    if json_bytes is None:
        return Response(body, content_type="application/json")
    return Response(body, content_type=_BINARY, headers={_LENGTH: str(json_bytes)})


def _metadata(model: Model, versions: list[str]) -> ModelMetadata:
    return {
        "name": model.name,
        "versions": versions,
        "platform": "tensorflow_savedmodel",
        "inputs": [{"name": tensors.INPUT, "datatype": "UINT8", "shape": [-1, model.height, model.width, 3]}],
        "outputs": [
            {"name": tensors.PROBABILITIES, "datatype": "FP32", "shape": [-1, len(model.labels)]},
            {"name": tensors.LABEL, "datatype": "BYTES", "shape": [-1]},
        ],
        "parameters": {"labels": list(model.labels)},
    }
