"""An engine without a model, for the tests of everything around it.

The real engines are held to the same calls by tests/contract/test_model_server*.py.
"""

import threading
from pathlib import Path

import numpy as np

from serving_api import serving_pb2 as pb
from serving_api.tensors import shape_proto, to_tensor_proto
from serving_api.tfrecord import write_records


def tensor_info(dtype, shape):
    return pb.TensorInfo(name="x:0", dtype=dtype, tensor_shape=shape_proto(shape))


SIGNATURES = {
    "serving_default": pb.SignatureDef(
        inputs={"image": tensor_info(pb.DT_UINT8, [None, 2, 2, 3])},
        outputs={
            "probabilities": tensor_info(pb.DT_FLOAT, [None, 2]),
            "logits": tensor_info(pb.DT_FLOAT, [None, 2]),
        },
        method_name="tensorflow/serving/predict",
    ),
    "describe": pb.SignatureDef(
        inputs={"key": tensor_info(pb.DT_STRING, [None])},
        outputs={"value": tensor_info(pb.DT_STRING, [None])},
        method_name="tensorflow/serving/predict",
    ),
}


class FakeEngine:
    """Answers each picture with its mean, and notes how it was called.

    Attributes:
        calls: (signature, rows, outputs) of each run.
        gate: a run waits for it; set unless a test clears it.
        error: what a run raises, if anything.
    """

    def __init__(self, batchable=True):
        self.signatures = SIGNATURES
        self.batchable = batchable
        self.calls = []
        self.gate = threading.Event()
        self.gate.set()
        self.error = None
        self.closed = False

    def run(self, signature, inputs, outputs):
        assert not self.closed
        first = next(iter(inputs.values()))
        self.calls.append((signature, len(first), tuple(outputs)))
        assert self.gate.wait(10)
        if self.error is not None:
            raise self.error
        if signature == "describe":
            return {"value": np.array([b"value of " + key for key in first], dtype=object)}
        mean = first.mean(axis=(1, 2, 3), dtype=np.float32) / 255
        return {alias: np.stack([mean, 1 - mean], axis=1).astype(np.float32) for alias in outputs}

    def close(self):
        self.closed = True


class FakeLoader:
    """Stands where `load_engine` does: one FakeEngine for each load, kept by the version's number.

    Attributes:
        engines: version number -> the engine loaded last.
        broken: version number -> what its load raises.
        cannot_run: version number -> what its runs raise.
        gates: version number -> an Event that its load waits for.
        loads: version numbers in the order of the loads.
    """

    def __init__(self):
        self.engines = {}
        self.broken = {}
        self.cannot_run = {}
        self.gates = {}
        self.loads = []

    def __call__(self, version_dir: Path, threads: int):
        number = int(version_dir.name)
        self.loads.append(number)
        if number in self.gates:
            assert self.gates[number].wait(10)
        if number in self.broken:
            raise self.broken[number]
        self.engines[number] = FakeEngine()
        self.engines[number].error = self.cannot_run.get(number)
        return self.engines[number]


def picture(rows=1, value=0):
    return np.full((rows, 2, 2, 3), value, dtype=np.uint8)


def predict_request(image=None, *, model="pizza", signature="", outputs=(), version=None, label=None):
    request = pb.PredictRequest(
        inputs={"image": to_tensor_proto(picture() if image is None else image)}, output_filter=outputs
    )
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    if version is not None:
        request.model_spec.version.value = version
    if label is not None:
        request.model_spec.version_label = label
    return request


def write_warmup(version_dir: Path, *requests):
    logs = [pb.PredictionLog(predict_log=pb.PredictLog(request=request)) for request in requests]
    write_records(
        version_dir / "assets.extra" / "tf_serving_warmup_requests", [log.SerializeToString() for log in logs]
    )
