"""gRPC answers with statuses, drains, and keeps its port to itself."""

import contextlib
import shutil
import socket
import subprocess

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from model_server.errors import StatusError
from model_server.grpc_server import GrpcOptions, GrpcServer
from serving_api import serving_pb2 as pb
from serving_api.services import ModelServiceStub, PredictionServiceStub
from serving_api.tensors import to_tensor_proto
from tests.unit.model_server.fakes import picture, predict_request
from tests.unit.model_server.test_core import config
from tests.unit.model_server.test_manager import wait_for


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def serve(core, base_path):
    """Start a server of versions 1 and 2 and give a channel to it."""
    core.apply(config(base_path, "all {}"))
    with contextlib.ExitStack() as stack:

        def serve(client=None, **options):
            server = GrpcServer(core, GrpcOptions(port=free_port(), **options))
            server.start()
            stack.callback(lambda: server.drain(0).wait())
            target = f"127.0.0.1:{server._options.port}"
            channel = stack.enter_context(
                grpc.secure_channel(target, client, [("grpc.ssl_target_name_override", "localhost")])
                if client
                else grpc.insecure_channel(target, [("grpc.max_receive_message_length", -1)])
            )
            return server, channel

        yield serve


def code_of(call, request, timeout=10):
    with pytest.raises(grpc.RpcError) as raised:
        call(request, timeout=timeout)
    return raised.value.code().name


def test_predict(serve):
    """A call is answered over the wire."""
    _, channel = serve()
    response = PredictionServiceStub(channel).Predict(predict_request(), timeout=10)
    assert (2, [0.0, 1.0]) == (response.model_spec.version.value, list(response.outputs["probabilities"].float_val))


def test_metadata_status_and_reload(serve, base_path):
    """The other calls reach the core."""
    _, channel = serve()
    request = pb.GetModelMetadataRequest(model_spec=pb.ModelSpec(name="pizza"), metadata_field=["signature_def"])
    assert 2 == PredictionServiceStub(channel).GetModelMetadata(request, timeout=10).model_spec.version.value
    stub = ModelServiceStub(channel)
    status = stub.GetModelStatus(pb.GetModelStatusRequest(model_spec=pb.ModelSpec(name="pizza")), timeout=10)
    assert [2, 1] == [one.version for one in status.model_version_status]
    reload = pb.ReloadConfigRequest(config=config(base_path, "latest {}"))
    assert 0 == stub.HandleReloadConfigRequest(reload, timeout=10).status.error_code


def test_errors_are_statuses(serve):
    """A failure arrives as a gRPC status with its sentence."""
    _, channel = serve()
    assert "NOT_FOUND" == code_of(PredictionServiceStub(channel).Predict, predict_request(model="tea"))
    assert "INVALID_ARGUMENT" == code_of(ModelServiceStub(channel).GetModelStatus, pb.GetModelStatusRequest())


def test_a_long_sentence_fits_the_answer(serve, fake):
    """A library's novel of an error is cut, so that the status still arrives."""
    _, channel = serve()
    fake.engines[2].error = StatusError(grpc.StatusCode.INTERNAL, "x" * 100_000)
    assert "INTERNAL" == code_of(PredictionServiceStub(channel).Predict, predict_request())


@pytest.mark.parametrize("method", ["Classify", "Regress", "MultiInference"])
def test_calls_that_are_not_here(serve, method):
    """The original's other methods are UNIMPLEMENTED."""
    _, channel = serve()
    call = channel.unary_unary(f"/tensorflow.serving.PredictionService/{method}")
    assert "UNIMPLEMENTED" == code_of(call, b"")


def test_messages_larger_than_grpc_s_default(serve):
    """A batch of pictures is larger than 4 MB."""
    _, channel = serve()
    request = predict_request(picture(rows=500_000))
    assert request.ByteSize() > 5_000_000
    response = PredictionServiceStub(channel).Predict(request, timeout=30)
    assert 500_000 == response.outputs["probabilities"].tensor_shape.dim[0].size


def test_deadline_of_the_client(serve, fake):
    """A client that waits no longer is told so while the model still runs."""
    _, channel = serve()
    fake.engines[2].gate.clear()
    assert "DEADLINE_EXCEEDED" == code_of(PredictionServiceStub(channel).Predict, predict_request(), timeout=0.05)
    fake.engines[2].gate.set()


def test_call_whose_client_went_away_is_not_run(serve, fake):
    """A call that waited for a thread until its client gave up costs nothing."""
    _, channel = serve(max_threads=1)
    predict = PredictionServiceStub(channel).Predict
    engine = fake.engines[2]
    engine.gate.clear()
    first = predict.future(predict_request(), timeout=30)
    wait_for(lambda: engine.calls)
    assert "DEADLINE_EXCEEDED" == code_of(predict, predict_request(picture(rows=7)), timeout=0.05)
    engine.gate.set()
    assert first.result(10).outputs
    predict(predict_request(picture(rows=2)), timeout=10)
    assert [1, 2] == [call[1] for call in engine.calls]


def test_drain_answers_calls_under_way(serve, fake):
    """A call that was accepted is answered; a call after that is refused; health says so meanwhile."""
    server, channel = serve(health=True)
    health = health_pb2_grpc.HealthStub(channel)
    assert health_pb2.HealthCheckResponse.SERVING == health.Check(health_pb2.HealthCheckRequest(), timeout=10).status
    engine = fake.engines[2]
    engine.gate.clear()
    call = PredictionServiceStub(channel).Predict.future(predict_request(), timeout=30)
    wait_for(lambda: engine.calls)
    ended = server.drain(30)
    assert health_pb2.HealthCheckResponse.NOT_SERVING == server._health._server_status[""]
    assert not ended.wait(0.05)
    engine.gate.set()
    assert ended.wait(10)
    assert 2 == call.result(10).model_spec.version.value
    assert "UNAVAILABLE" == code_of(PredictionServiceStub(channel).Predict, predict_request(), timeout=5)


def test_health_needs_its_flag(serve):
    """Without the flag there is no health service, as in the original."""
    _, channel = serve()
    assert "UNIMPLEMENTED" == code_of(health_pb2_grpc.HealthStub(channel).Check, health_pb2.HealthCheckRequest())


def test_taken_port(core):
    """A second server on a port does not start, and says which port."""
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StatusError, match=f"--port={port} cannot be opened: Address already in use"):
            GrpcServer(core, GrpcOptions(port=port)).start()


def test_unix_socket(core, base_path, tmp_path):
    """GRPC is answered on a UNIX socket, without a port."""
    core.apply(config(base_path))
    path = tmp_path / "grpc.sock"
    server = GrpcServer(core, GrpcOptions(port=0, socket_path=str(path)))
    server.start()
    with grpc.insecure_channel(f"unix:{path}") as channel:
        assert PredictionServiceStub(channel).Predict(predict_request(), timeout=10).outputs
    server.drain(0).wait()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A key and a certificate for localhost, as PEM."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout key.pem -out cert.pem"
    subprocess.run([*command.split(), "-addext", "subjectAltName=DNS:localhost"], cwd=folder, check=True)
    return (folder / "key.pem").read_bytes(), (folder / "cert.pem").read_bytes()


def test_tls(serve, certificate):
    """With key and certificate the port speaks TLS."""
    key, cert = certificate
    client = grpc.ssl_channel_credentials(cert)
    _, channel = serve(client, credentials=grpc.ssl_server_credentials([(key, cert)]))
    assert PredictionServiceStub(channel).Predict(predict_request(), timeout=10).outputs


def test_no_deadline_means_for_ever(serve, core, monkeypatch):
    """A client without a deadline is not given one."""
    _, channel = serve()
    seen = []
    predict = core.predict

    def note(request, timeout_s, **rest):
        seen.append(timeout_s)
        return predict(request, timeout_s, **rest)

    monkeypatch.setattr(core, "predict", note)
    assert PredictionServiceStub(channel).Predict(predict_request()).outputs
    assert seen[0] > 1e9


def test_wrong_dtype_over_the_wire(serve):
    """A float picture for a model of bytes is the client's mistake."""
    _, channel = serve()
    request = predict_request()
    request.inputs["image"].CopyFrom(to_tensor_proto(np.zeros((1, 2, 2, 3), np.float32)))
    assert "INVALID_ARGUMENT" == code_of(PredictionServiceStub(channel).Predict, request)
