"""A model server that answers wrongly, late or in another language: never a wrong answer to the user, never a 500.

The gateway is a real process; the server speaks gRPC and is told what to say.
"""

import io
import json
import random
import socketserver
import threading
import time
from concurrent import futures

import grpc
import numpy as np
import pytest
from PIL import Image

from serving_api import serving_pb2 as pb
from serving_api.services import SIGNATURE_DEF_MAP_URL, add_prediction_service
from serving_api.tensors import shape_proto, to_tensor_proto
from tests.contract.gateway_process import GatewayProcess
from tests.faults.rig import is_problem

SIZE, LABELS, VERSION = 8, ("cat", "dog", "bird"), 3
TIMEOUT_S = 4.0
RIGHT = np.array([[0.2, 0.3, 0.5]], np.float32)
DIMENSION = pb.TensorShapeProto.Dim


def picture():
    buffer = io.BytesIO()
    Image.new("RGB", (20, 20), "#336699").save(buffer, "PNG")
    return buffer.getvalue()


class Told:
    """A model server whose next answers a test writes: `says` changes a right answer, or raises."""

    def __init__(self):
        self.says = lambda response, context: None
        self.server = grpc.server(futures.ThreadPoolExecutor(8), options=[("grpc.max_send_message_length", -1)])
        self.port = self.server.add_insecure_port("127.0.0.1:0")
        add_prediction_service(self, self.server)
        self.server.start()

    def Predict(self, request, context):
        response = pb.PredictResponse(model_spec=pb.ModelSpec(name=request.model_spec.name))
        response.model_spec.version.value = VERSION
        if request.model_spec.signature_name == "describe":
            texts = [json.dumps(LABELS).encode(), json.dumps({"name": "told"}).encode()]
            response.outputs["value"].CopyFrom(to_tensor_proto(np.array(texts, object)))
            return response
        response.outputs["probabilities"].CopyFrom(to_tensor_proto(RIGHT))
        self.says(response, context)
        return response

    def GetModelMetadata(self, request, context):
        image = pb.TensorInfo(dtype=pb.DT_UINT8, tensor_shape=shape_proto([None, SIZE, SIZE, 3]))
        output = pb.TensorInfo(dtype=pb.DT_FLOAT, tensor_shape=shape_proto([None, len(LABELS)]))
        signatures = pb.SignatureDefMap()
        signatures.signature_def["serving_default"].CopyFrom(
            pb.SignatureDef(inputs={"image": image}, outputs={"probabilities": output})
        )
        response = pb.GetModelMetadataResponse(model_spec=request.model_spec)
        response.model_spec.version.value = VERSION
        response.metadata["signature_def"].type_url = SIGNATURE_DEF_MAP_URL
        response.metadata["signature_def"].value = signatures.SerializeToString()
        return response


@pytest.fixture(scope="module")
def told():
    server = Told()
    yield server
    server.server.stop(None).wait()


@pytest.fixture(scope="module")
def gateway(told, tmp_path_factory):
    process = GatewayProcess(
        tmp_path_factory.mktemp("told") / "gateway.log",
        GATEWAY_MODEL_SERVER=f"127.0.0.1:{told.port}",
        GATEWAY_MODELS="told",
        GATEWAY_TIMEOUT_S=str(TIMEOUT_S),
    )
    yield process
    assert 0 == process.stop()


def predict(gateway):
    return gateway.call("/v1/models/told:predict", picture(), "image/png")


def output(array):
    def say(response, context):
        response.outputs["probabilities"].CopyFrom(to_tensor_proto(array))

    return say


def tensor(**fields):
    def say(response, context):
        response.outputs["probabilities"].CopyFrom(pb.TensorProto(**fields))

    return say


def code(name):
    return lambda response, context: context.abort(grpc.StatusCode[name], "a secret of the server")


def other_version(response, context):
    response.model_spec.version.value = VERSION + 1


def other_name(response, context):
    response.outputs["logits"].CopyFrom(response.outputs.pop("probabilities"))


WRONG = {
    "NaN": output(np.full((1, 3), np.nan, np.float32)),
    "one NaN": output(np.array([[0.5, np.nan, 0.5]], np.float32)),
    "infinity": output(np.array([[np.inf, 0, 0]], np.float32)),
    "logits": output(np.array([[-3.0, 1.0, 4.0]], np.float32)),
    "all zero": output(np.zeros((1, 3), np.float32)),
    "more than one": output(np.full((1, 3), 0.9, np.float32)),
    "a row too many": output(np.repeat(RIGHT, 2, axis=0)),
    "no row": output(RIGHT[:0]),
    "a label too few": output(np.array([[0.5, 0.5]], np.float32)),
    "a label too many": output(np.full((1, 4), 0.25, np.float32)),
    "a row without batch": output(RIGHT[0]),
    "a number": output(np.float32(1)),
    "strings": output(np.array([[b"0.2", b"0.3", b"0.5"]], object)),
    "booleans": output(np.array([[True, False, False]])),
    "complex numbers": output(RIGHT.astype(np.complex64)),
    "a dtype of its own": tensor(dtype=pb.DT_BFLOAT16, tensor_shape=shape_proto([1, 3])),
    "fewer bytes than its shape": tensor(dtype=pb.DT_FLOAT, tensor_shape=shape_proto([1, 3]), tensor_content=b"1234"),
    "a shape of no memory": tensor(dtype=pb.DT_FLOAT, tensor_shape=shape_proto([1 << 40])),
    "a shape below zero": tensor(dtype=pb.DT_FLOAT, tensor_shape=shape_proto([None, 3])),
    "a hundred dimensions": tensor(dtype=pb.DT_FLOAT, tensor_shape=shape_proto([1] * 100)),
    "68 MB": output(np.zeros((1, 17_000_000), np.float32)),
    "another version": other_version,
    "another output": other_name,
    "no output": lambda response, context: response.outputs.clear(),
    "a crash": lambda response, context: 1 / 0,
    **{
        name: code(name)
        for name in ("INTERNAL", "UNKNOWN", "DATA_LOSS", "ABORTED", "INVALID_ARGUMENT", "UNIMPLEMENTED")
    },
    "PERMISSION_DENIED": code("PERMISSION_DENIED"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_answer_is_none(told, gateway, wrong):
    """What holds no probabilities of the version that was asked is 502, tells nothing of the inside, harms no other."""
    told.says = WRONG[wrong]
    status, problem = predict(gateway)
    assert (502, "urn:image-classifiers:problem:model-mismatch") == (status, problem["type"])
    assert is_problem(problem)
    assert "secret" not in json.dumps(problem)
    told.says = lambda response, context: None
    status, answer = predict(gateway)
    assert (200, "bird") == (status, answer["predictions"][0]["label"])


@pytest.mark.parametrize(("name", "expected"), [("RESOURCE_EXHAUSTED", 429), ("UNAVAILABLE", 503), ("CANCELLED", 503)])
def test_a_server_that_cannot_says_so(told, gateway, name, expected):
    """Too much to do and not there are told apart, and both are over when the server says so."""
    told.says = code(name)
    assert expected == predict(gateway)[0]
    told.says = lambda response, context: None
    assert 200 == predict(gateway)[0]


def test_a_late_answer_is_none(told, gateway):
    """A server that takes too long costs the user the time limit and no more; liveness does not notice."""
    leave = threading.Event()
    told.says = lambda response, context: leave.wait(30)
    begin_s = time.monotonic()
    status, problem = predict(gateway)
    assert TIMEOUT_S - 0.1 <= time.monotonic() - begin_s
    assert 504 == status
    assert is_problem(problem)
    assert 200 == gateway.call("/healthz")[0]
    told.says = lambda response, context: None
    leave.set()
    assert 200 == predict(gateway)[0]


class Greets(socketserver.BaseRequestHandler):
    """Speaks first, and not gRPC."""

    greeting = b""

    def handle(self):
        self.request.sendall(self.greeting)
        self.request.settimeout(5)
        while self.greeting and self.request.recv(4096):
            pass


@pytest.mark.parametrize(
    "greeting",
    [
        b"",  # hangs up at once
        b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\x15\x03\x03\x00\x02\x02\x28",  # a TLS alert
        random.Random(7).randbytes(4096),
        b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x05\xff\xff\xff\xff",  # SETTINGS with a frame size that is none
        b"\x00\x00\x00\x04\x00\x00\x00\x00\x00" + b"\xff" * 512,  # proper SETTINGS, then no HTTP/2
    ],
    ids=["nothing", "HTTP/1", "SSH", "TLS", "random", "wrong SETTINGS", "SETTINGS then random"],
)
def test_another_language_is_no_model_server(tmp_path, greeting):
    """A port where something else answers, as after a mistake in a Service, is a model server that is not there."""
    handler = type("Handler", (Greets,), {"greeting": greeting})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        gateway = GatewayProcess(
            tmp_path / "gateway.log",
            GATEWAY_MODEL_SERVER=f"127.0.0.1:{server.server_address[1]}",
            GATEWAY_MODELS="told",
            GATEWAY_TIMEOUT_S="1.5",
        )
        try:
            answers = [predict(gateway) for _ in range(3)]
            assert {503, 504} >= {status for status, _ in answers}
            assert all(is_problem(problem) for _, problem in answers)
            assert (200, 503) == (gateway.call("/healthz")[0], gateway.call("/readyz")[0])
        finally:
            gateway.stop()
            server.shutdown()
