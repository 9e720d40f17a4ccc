import json

import prometheus_client
import pytest
from grpc import StatusCode

from model_server.errors import StatusError
from model_server.rest import create_app
from serving_api import serving_pb2 as pb
from serving_api.config_pb2 import MonitoringConfig, PrometheusConfig
from serving_api.services import SIGNATURE_DEF_MAP_URL
from serving_api.tensors import to_tensor_proto


class FakeCore:
    """Answers one model `m`; the real core is behind REST in tests/contract/test_model_server_rest.py."""

    def __init__(self, error=None, method="tensorflow/serving/predict"):
        self.error, self.method, self.specs = error, method, []

    def predict(self, request):
        self.specs.append(request.model_spec)
        if self.error:
            raise self.error
        return pb.PredictResponse(outputs={"y": to_tensor_proto([1.0])})

    def metadata(self, request):
        self.specs.append(request.model_spec)
        info = {"x": pb.TensorInfo(dtype=pb.DT_FLOAT)}
        signature = pb.SignatureDef(inputs=info, outputs=info, method_name=self.method)
        response = pb.GetModelMetadataResponse()
        response.metadata["signature_def"].type_url = SIGNATURE_DEF_MAP_URL
        signatures = pb.SignatureDefMap(signature_def={"serving_default": signature})
        response.metadata["signature_def"].value = signatures.SerializeToString()
        return response

    def status(self, request):
        self.specs.append(request.model_spec)
        if self.error:
            raise self.error
        failed = pb.StatusProto(error_code=5, error_message="gone")
        return pb.GetModelStatusResponse(
            model_version_status=[pb.ModelVersionStatus(version=3, state=50, status=failed)]
        )


def client(core, *, metrics=True, path=""):
    monitoring = MonitoringConfig(prometheus_config=PrometheusConfig(enable=metrics, path=path))
    registry = prometheus_client.CollectorRegistry()
    prometheus_client.Counter("calls", "calls", registry=registry)
    return create_app(core, monitoring, registry).test_client()


PREDICT = "/v1/models/m:predict"
BODY = json.dumps({"instances": [1.0]})


@pytest.mark.parametrize(
    ("code", "http"),
    [
        (StatusCode.CANCELLED, 499),
        (StatusCode.UNKNOWN, 500),
        (StatusCode.INVALID_ARGUMENT, 400),
        (StatusCode.DEADLINE_EXCEEDED, 504),
        (StatusCode.NOT_FOUND, 404),
        (StatusCode.RESOURCE_EXHAUSTED, 429),
        (StatusCode.FAILED_PRECONDITION, 400),
        (StatusCode.UNIMPLEMENTED, 501),
        (StatusCode.INTERNAL, 500),
        (StatusCode.UNAVAILABLE, 503),
        (StatusCode.DATA_LOSS, 500),
    ],
)
def test_http_status(code, http):
    """Each code has the original's HTTP status, with the message as JSON."""
    response = client(FakeCore(StatusError(code, "a sentence"))).post(PREDICT, data=BODY)
    assert (http, {"error": "a sentence"}) == (response.status_code, response.json)


def test_failure_that_nobody_foresaw():
    """An exception is a 500 without a stack trace."""
    response = client(FakeCore(RuntimeError("boom"))).post(PREDICT, data=BODY)
    assert (500, ["error"]) == (response.status_code, list(response.json))
    assert "Traceback" not in response.text


@pytest.mark.parametrize(
    ("path", "spec"),
    [
        ("/v1/models/m", pb.ModelSpec(name="m")),
        ("/V1/Models/m", pb.ModelSpec(name="m")),
        ("/v1/MODELS/m", pb.ModelSpec(name="m")),
        ("/v1/models/a%20b", pb.ModelSpec(name="a b")),
        ("/v1/models/m/labels/a%20b", pb.ModelSpec(name="m", version_label="a b")),
    ],
)
def test_path(path, spec):
    """Paths are read without regard to case, and names are decoded."""
    core = FakeCore()
    response = client(core).get(path)
    assert [spec] == core.specs
    assert 200 == response.status_code


def test_version_and_label_go_to_the_core():
    """The version and signature of a call reach the core."""
    core = FakeCore()
    body = json.dumps({"signature_name": "serving_default", "inputs": [1.0]})
    client(core).post("/v1/models/m/versions/3:predict", data=body)
    wanted = pb.ModelSpec(name="m", signature_name="serving_default")
    wanted.version.value = 3
    assert wanted == core.specs[-1]


def test_status_names_the_error():
    """A version's error code is written by name, its version as protobuf writes int64: a string."""
    one = client(FakeCore()).get("/v1/models/m").json["model_version_status"][0]
    assert {"version": "3", "state": "END", "status": {"error_code": "NOT_FOUND", "error_message": "gone"}} == one


@pytest.mark.parametrize("method", ["put", "delete", "patch"])
def test_other_methods(method):
    """Methods other than GET and POST are malformed requests."""
    response = getattr(client(FakeCore()), method)("/v1/models/m")
    assert (400, ["error"]) == (response.status_code, list(response.json))


def test_content_type_does_not_matter():
    """A body is JSON whatever the client calls it: curl -d says form data."""
    response = client(FakeCore()).post(PREDICT, data=BODY, content_type="application/x-www-form-urlencoded")
    assert (200, {"predictions": [1.0]}, "application/json") == (
        response.status_code,
        response.json,
        response.content_type,
    )


@pytest.mark.parametrize(
    ("verb", "method", "http"),
    [
        ("classify", "predict", 400),
        ("regress", "predict", 400),
        ("classify", "classify", 501),
        ("regress", "regress", 501),
    ],
)
def test_examples(verb, method, http):
    """Classify and regress are refused: 400 for a model that has no such signature, 501 for one that has."""
    core = FakeCore(method=f"tensorflow/serving/{method}")
    assert http == client(core).post(f"/v1/models/m:{verb}", data='{"examples": []}').status_code


@pytest.mark.parametrize(
    ("metrics", "path", "asked", "http"),
    [
        (True, "", "/monitoring/prometheus/metrics", 200),
        (True, "/metrics", "/metrics", 200),
        (True, "/metrics", "/monitoring/prometheus/metrics", 404),
        (False, "", "/monitoring/prometheus/metrics", 404),
    ],
)
def test_metrics(metrics, path, asked, http):
    """The metrics page exists where it is switched on, at the path that is configured."""
    response = client(FakeCore(), metrics=metrics, path=path).get(asked)
    assert http == response.status_code
    assert (http == 200) == ("calls_total" in response.text)
