"""A model server that is not there; tests/contract/test_gateway.py has the real one."""

import json

import numpy as np

from serving_api import errors
from serving_api import serving_pb2 as pb
from serving_api.client import Answer, Metadata, VersionStatus
from serving_api.tensors import shape_proto

LABELS = ("red", "green", "blue")


class FakePredictor:
    """Answers with each picture's share of red, green and blue.

    Attributes: `version` serves; `labels_of` maps labels to versions; `fails` is raised by every call;
    `on_predict` is called with each batch; `calls` lists (call, version, batch size).
    """

    def __init__(self) -> None:
        self.version = 1
        self.labels_of = {"stable": 1}
        self.fails = None
        self.given_up = False
        self.on_predict = lambda images: None
        self.calls = []
        self.size = (4, 6)
        self.shape = None
        self.labels = json.dumps(LABELS).encode()

    def predict(self, model, inputs, deadline, *, version=None, label=None, signature="serving_default", outputs=()):
        self._check(model, version)
        if signature == "describe":
            card = json.dumps({"name": model, "task": "Which colour?"}).encode()
            values = {b"labels": self.labels, b"card": card}
            self.calls.append(("describe", version, len(inputs["key"])))
            return Answer({"value": np.array([values[key] for key in inputs["key"]], dtype=object)}, self.version)
        (images,) = inputs.values()
        self.on_predict(images)
        self._check(model, version)
        self.calls.append(("predict", version, len(images)))
        sums = images.reshape(len(images), -1, 3).sum(axis=1) + 1e-3
        return Answer({next(iter(outputs)): (sums / sums.sum(axis=1, keepdims=True)).astype("f4")}, self.version)

    def signatures(self, model, deadline, *, version=None, label=None):
        if label is not None:
            if label not in self.labels_of:
                raise errors.InvalidRequest(f"Unrecognized servable version label: {label}")
            version = self.labels_of[label]
        self._check(model, version)
        self.calls.append(("signatures", version, 0))
        image = pb.TensorInfo(dtype=pb.DT_UINT8, tensor_shape=shape_proto(self.shape or (None, *self.size, 3)))
        serving = pb.SignatureDef(inputs={"image": image}, outputs={"probabilities": pb.TensorInfo(dtype=pb.DT_FLOAT)})
        return Metadata(self.version, {"serving_default": serving})

    def status(self, model, deadline, version=None):
        if self.fails is not None:
            raise self.fails
        return [VersionStatus(self.version, "AVAILABLE", 0, "")]

    def _check(self, model, version):
        if self.fails is not None:
            raise self.fails
        if model == "absent" or version not in (None, self.version):
            raise errors.ModelNotFound(f"Servable not found for request: Specific({model}, {version})")
