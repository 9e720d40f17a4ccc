"""Serve TensorFlow Serving's REST API: `/v1/models/...`, and Prometheus metrics where they are switched on.

Differences from the original, all of them answers to calls it would refuse or cannot answer either: `:classify` and
`:regress` are refused with its own message for a model without such a signature (400), and with 501 for one that has
it, as tf.Example is not spoken here; a body of more than 64 MiB gets 413.
Source: https://www.tensorflow.org/tfx/serving/api_rest, tensorflow_serving/model_servers/
{http_rest_api_handler,http_rest_api_util,http_server}.cc.
"""

import json
import logging
import re
from typing import Protocol

import flask
import prometheus_client
from google.protobuf.json_format import MessageToDict
from grpc import StatusCode
from werkzeug.exceptions import HTTPException, NotFound

from model_server import rest_json
from model_server.errors import StatusError, as_status_error
from model_server.rest_server import RestServer
from serving_api import serving_pb2 as pb
from serving_api.config_pb2 import MonitoringConfig

__all__ = ["Core", "RestServer", "create_app"]

LOG = logging.getLogger(__name__)

DEFAULT_METRICS_PATH = "/monitoring/prometheus/metrics"
DEFAULT_SIGNATURE = "serving_default"
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]

_VERSION_OR_LABEL = r"(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
_RUN_PATH = re.compile(
    rf"/v1/models/(?P<name>[^/:]+){_VERSION_OR_LABEL}:(?P<verb>classify|regress|predict)", re.IGNORECASE
)
_READ_PATH = re.compile(rf"(?i)/v1/models(?:/(?P<name>[^/:]+))?{_VERSION_OR_LABEL}(?P<metadata>/metadata)?")
_MAX_VERSION = 2**63 - 1

_HTTP_OF = {
    StatusCode.CANCELLED: 499,
    StatusCode.INVALID_ARGUMENT: 400,
    StatusCode.DEADLINE_EXCEEDED: 504,
    StatusCode.NOT_FOUND: 404,
    StatusCode.ALREADY_EXISTS: 409,
    StatusCode.PERMISSION_DENIED: 403,
    StatusCode.RESOURCE_EXHAUSTED: 429,
    StatusCode.FAILED_PRECONDITION: 400,
    StatusCode.ABORTED: 409,
    StatusCode.OUT_OF_RANGE: 400,
    StatusCode.UNIMPLEMENTED: 501,
    StatusCode.UNAVAILABLE: 503,
    StatusCode.UNAUTHENTICATED: 401,
}
_CODE_NAMES = {code.value[0]: code.name for code in StatusCode}


class Core(Protocol):
    """The calls that REST makes of the server; `model_server.core.Core` answers them."""

    def predict(self, request: pb.PredictRequest) -> pb.PredictResponse:
        """Run a model."""
        ...

    def metadata(self, request: pb.GetModelMetadataRequest) -> pb.GetModelMetadataResponse:
        """Answer a model's signatures."""
        ...

    def status(self, request: pb.GetModelStatusRequest) -> pb.GetModelStatusResponse:
        """Answer the states of a model's versions."""
        ...


def create_app(core: Core, monitoring: MonitoringConfig, registry: prometheus_client.CollectorRegistry) -> flask.Flask:
    """Make the WSGI application.

    Args:
        core: answers the calls.
        monitoring: `prometheus_config` switches the metrics page on and may name its path.
        registry: the metrics of that page.
    """
    app = flask.Flask(__name__, static_folder=None)
    app.url_map.merge_slashes = False  # a path with two slashes is malformed, not redirected

    def run_or_read(path: str) -> flask.Response:
        if not path.lower().startswith("v1/"):
            raise NotFound
        if flask.request.method == "POST" and (match := _RUN_PATH.fullmatch(flask.request.path)):
            return _json(_run(core, match, flask.request.get_data(cache=False)))
        if flask.request.method in {"GET", "HEAD"} and (match := _READ_PATH.fullmatch(flask.request.path)):
            return _json(_metadata(core, match) if match["metadata"] else _status(core, match))
        raise _invalid(f"Malformed request: {flask.request.method} {flask.request.path}")

    app.add_url_rule("/<path:path>", "v1", run_or_read, methods=_METHODS)
    if monitoring.prometheus_config.enable:
        path = monitoring.prometheus_config.path or DEFAULT_METRICS_PATH
        app.add_url_rule(path, "metrics", lambda: _metrics(registry))
    app.register_error_handler(Exception, _answer_error)
    return app


def _run(core: Core, match: re.Match[str], body: bytes) -> str:
    spec = _model_spec(match)
    if match["verb"].lower() != "predict":
        raise _refuse_examples(core, spec, match["verb"].lower(), body)
    call = rest_json.read_predict(body, lambda signature: _signature(core, spec, signature).inputs)
    spec.signature_name = call.signature
    response = core.predict(pb.PredictRequest(model_spec=spec, inputs=call.inputs))
    return rest_json.write_predict(response.outputs, row_format=call.row_format)


def _status(core: Core, match: re.Match[str]) -> str:
    response = core.status(pb.GetModelStatusRequest(model_spec=_model_spec(match)))
    versions = [
        {
            "version": str(one.version),  # protobuf's JSON form of int64
            "state": pb.ModelVersionStatus.State.Name(one.state),
            "status": {
                "error_code": _CODE_NAMES.get(one.status.error_code, str(one.status.error_code)),
                "error_message": one.status.error_message,
            },
        }
        for one in response.model_version_status
    ]
    return json.dumps({"model_version_status": versions}, indent=1)


def _metadata(core: Core, match: re.Match[str]) -> str:
    response = _read_metadata(core, _model_spec(match))
    signatures = MessageToDict(
        pb.SignatureDefMap.FromString(response.metadata["signature_def"].value),
        preserving_proto_field_name=True,
        always_print_fields_with_no_presence=True,
    )
    spec = response.model_spec
    model = {"name": spec.name, "signature_name": spec.signature_name, "version": str(spec.version.value)}
    return json.dumps({"model_spec": model, "metadata": {"signature_def": signatures}}, indent=1)


def _metrics(registry: prometheus_client.CollectorRegistry) -> flask.Response:
    return flask.Response(
        prometheus_client.generate_latest(registry), content_type=prometheus_client.CONTENT_TYPE_LATEST
    )


def _model_spec(match: re.Match[str]) -> pb.ModelSpec:
    name, version, label = match["name"], match["version"], match["label"]
    if not name:
        raise _invalid("Missing model name in request.")
    spec = pb.ModelSpec(name=name)
    if version:
        if int(version) > _MAX_VERSION:
            raise _invalid(f"Failed to convert version: {version} to numeric.")
        spec.version.value = int(version)
    if label:
        spec.version_label = label
    return spec


def _read_metadata(core: Core, spec: pb.ModelSpec) -> pb.GetModelMetadataResponse:
    return core.metadata(pb.GetModelMetadataRequest(model_spec=spec, metadata_field=["signature_def"]))


def _signature(core: Core, spec: pb.ModelSpec, name: str) -> pb.SignatureDef:
    signatures = pb.SignatureDefMap.FromString(_read_metadata(core, spec).metadata["signature_def"].value)
    signature: pb.SignatureDef | None = signatures.signature_def.get(name or DEFAULT_SIGNATURE)
    if signature is None:
        raise _invalid(f'Serving signature name: "{name or DEFAULT_SIGNATURE}" not found in signature def')
    return signature


def _refuse_examples(core: Core, spec: pb.ModelSpec, verb: str, body: bytes) -> StatusError:
    """Say why a classify or regress call is refused; see the module's docstring."""
    signature = _signature(core, spec, rest_json.read_signature_name(body))
    wanted = f"tensorflow/serving/{verb}"
    if signature.method_name != wanted:
        return _invalid(
            f"Expected {verb} signature method_name to be {wanted}. Was: {signature.method_name}; use :predict"
        )
    return StatusError(StatusCode.UNIMPLEMENTED, f":{verb} is not implemented by this server; use :predict")


def _json(text: str, status: int = 200) -> flask.Response:
    return flask.Response(text, status, content_type="application/json")


def _answer_error(error: Exception) -> flask.Response:
    """Write any failure as `{"error": "..."}` with the original's HTTP status."""
    if isinstance(error, HTTPException):
        return _json(json.dumps({"error": f"{error.name}: {flask.request.path}"}), error.code or 500)
    if not isinstance(error, StatusError):
        LOG.error("REST call failed path=%s", flask.request.path, exc_info=error)
    known = as_status_error(error)
    return _json(json.dumps({"error": known.message}), _HTTP_OF.get(known.code, 500))


def _invalid(message: str) -> StatusError:
    return StatusError(StatusCode.INVALID_ARGUMENT, message)
