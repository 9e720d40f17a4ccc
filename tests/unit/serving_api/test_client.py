"""The client turns every failure into its tree of errors, and retries within the request's deadline."""

import time
from concurrent import futures
from functools import partial

import grpc
import numpy as np
import pytest

from serving_api import errors
from serving_api import serving_pb2 as pb
from serving_api.channel import open_channel, target_of
from serving_api.client import ModelServer
from serving_api.deadline import Deadline
from serving_api.services import SIGNATURE_DEF_MAP_URL, add_model_service, add_prediction_service
from serving_api.tensors import to_tensor_proto

IMAGE = np.zeros((2, 300, 300, 3), np.uint8)  # above gRPC's default retry buffer of 256 KiB


class Server:
    """A real gRPC server whose answers a test writes; the embedded server's own tests are in tests/contract."""

    def __init__(self, port=0):
        self.failures = []  # status codes to fail with, one a call
        self.words = "as told"
        self.calls = 0
        self.delay_s = 0.0
        self.metadata = {}
        self.outputs = {"probabilities": to_tensor_proto(np.array([[0.25, 0.75]], np.float32))}
        self.server = grpc.server(futures.ThreadPoolExecutor(4), options=[("grpc.max_receive_message_length", -1)])
        self.port = self.server.add_insecure_port(f"127.0.0.1:{port}")
        add_prediction_service(self, self.server)
        add_model_service(self, self.server)
        self.server.start()

    def Predict(self, request, context):
        self.calls += 1
        time.sleep(self.delay_s)
        if self.failures:
            context.abort(self.failures.pop(0), self.words)
        spec = pb.ModelSpec(name=request.model_spec.name)
        spec.version.value = 7
        return pb.PredictResponse(model_spec=spec, outputs=self.outputs)

    def GetModelMetadata(self, request, context):
        return pb.GetModelMetadataResponse(model_spec=request.model_spec, metadata=self.metadata)

    def GetModelStatus(self, request, context):
        states = [(1, pb.ModelVersionStatus.END), (2, pb.ModelVersionStatus.AVAILABLE)]
        return pb.GetModelStatusResponse(
            model_version_status=[pb.ModelVersionStatus(version=version, state=state) for version, state in states]
        )

    def HandleReloadConfigRequest(self, request, context):
        return pb.ReloadConfigResponse()


@pytest.fixture
def server():
    running = Server()
    yield running
    running.server.stop(None).wait()


@pytest.fixture
def client(server):
    opened = ModelServer(partial(open_channel, f"127.0.0.1:{server.port}"))
    yield opened
    opened.close()


def test_predict_answers_arrays_and_the_version(client):
    """An answer holds the outputs as arrays and the version that computed them."""
    answer = client.predict("pizza", {"image": IMAGE}, Deadline.after(5))
    assert (7, [[0.25, 0.75]]) == (answer.version, answer.outputs["probabilities"].tolist())


def test_a_large_request_is_retried(server, client):
    """UNAVAILABLE is tried again, also for a message above gRPC's default retry buffer."""
    server.failures = [grpc.StatusCode.UNAVAILABLE] * 2
    assert client.predict("pizza", {"image": IMAGE}, Deadline.after(5)).version == 7
    assert server.calls == 3


def test_a_refusal_is_not_retried(server, client):
    """An error that a second try cannot mend is raised at once."""
    server.failures = [grpc.StatusCode.INVALID_ARGUMENT] * 2
    with pytest.raises(errors.InvalidRequest, match="as told"):
        client.predict("pizza", {"image": IMAGE}, Deadline.after(5))
    assert server.calls == 1


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (grpc.StatusCode.FAILED_PRECONDITION, errors.InvalidRequest),
        (grpc.StatusCode.NOT_FOUND, errors.ModelNotFound),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, errors.OverCapacity),
        (grpc.StatusCode.DEADLINE_EXCEEDED, errors.ModelTimeout),
        (grpc.StatusCode.UNIMPLEMENTED, errors.ContractMismatch),
        (grpc.StatusCode.INTERNAL, errors.ServerError),
        (grpc.StatusCode.DATA_LOSS, errors.ServerError),
    ],
)
def test_each_status_code_has_its_error(server, client, code, expected):
    """A status code becomes the error class that the gateway chooses its HTTP status by."""
    server.failures = [code]
    with pytest.raises(errors.ServingError) as caught:
        client.predict("pizza", {"image": IMAGE}, Deadline.after(5))
    assert (expected, code) == (type(caught.value), caught.value.code)


def test_a_slow_server_ends_at_the_deadline(server, client):
    """The deadline holds for the whole call."""
    server.delay_s = 0.5
    with pytest.raises(errors.ModelTimeout):
        client.predict("pizza", {"image": IMAGE}, Deadline.after(0.1))


def test_no_time_left_asks_nobody(server, client):
    """An expired deadline does not reach the server."""
    with pytest.raises(errors.ModelTimeout):
        client.predict("pizza", {"image": IMAGE}, Deadline.after(0))
    assert server.calls == 0


def test_no_server_is_unavailable():
    """Nothing listening is ModelUnavailable, well before the deadline."""
    client, deadline = ModelServer(partial(open_channel, "127.0.0.1:1")), Deadline.after(60)
    with pytest.raises(errors.ModelUnavailable):
        client.predict("pizza", {"image": IMAGE}, deadline)
    assert not deadline.expired
    client.close()


def test_a_closed_client_is_unavailable(client):
    """A call after close is an error of the tree, not gRPC's own."""
    client.close()
    with pytest.raises(errors.ModelUnavailable):
        client.predict("pizza", {"image": IMAGE}, Deadline.after(5))


def test_an_unreadable_answer_is_a_mismatch(server, client):
    """A tensor that cannot be read, or metadata without signatures, breaks the contract."""
    server.outputs = {"probabilities": pb.TensorProto(dtype=pb.DT_BFLOAT16)}
    with pytest.raises(errors.ContractMismatch, match="DT_BFLOAT16"):
        client.predict("pizza", {"image": IMAGE}, Deadline.after(5))
    with pytest.raises(errors.ContractMismatch, match="no signature_def"):
        client.signatures("pizza", Deadline.after(5))


def test_an_unsendable_array_is_the_callers_fault(server, client):
    """An array without tensor dtype never leaves."""
    with pytest.raises(errors.InvalidRequest):
        client.predict("pizza", {"image": np.zeros(1, "datetime64[s]")}, Deadline.after(5))
    assert server.calls == 0


def test_version_and_label_exclude_each_other(client):
    """The protocol has one place for both."""
    with pytest.raises(errors.InvalidRequest):
        client.predict("pizza", {"image": IMAGE}, Deadline.after(5), version=1, label="stable")


def test_signatures_are_unpacked(server, client):
    """Signatures come by name out of the Any that the original packs them into."""
    packed = pb.SignatureDefMap(signature_def={"serving_default": pb.SignatureDef(method_name="m")})
    server.metadata["signature_def"] = {"type_url": SIGNATURE_DEF_MAP_URL, "value": packed.SerializeToString()}
    metadata = client.signatures("pizza", Deadline.after(5), version=3)
    assert (3, "m") == (metadata.version, metadata.signatures["serving_default"].method_name)


def test_status_lists_versions_newest_first(client):
    """The version that answers by default stands first."""
    assert [(2, "AVAILABLE"), (1, "END")] == [(v.version, v.state) for v in client.status("pizza", Deadline.after(5))]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("model-server:8500", "dns:///model-server:8500"),
        ("dns:///m:1", "dns:///m:1"),
        ("unix:/run/m.sock", "unix:/run/m.sock"),
    ],
)
def test_an_address_is_resolved_to_all_its_hosts(address, expected):
    """A plain address goes through DNS, so that round robin sees every pod."""
    assert expected == target_of(address)
