"""The calls of the two services, whichever transport brings them."""

import math
import threading

import grpc
import pytest
from google.protobuf import text_format

from model_server.core import Core
from model_server.errors import StatusError
from model_server.source import Source
from serving_api import config_pb2
from serving_api import serving_pb2 as pb
from serving_api.services import SIGNATURE_DEF_MAP_URL
from tests.unit.model_server.fakes import predict_request
from tests.unit.model_server.test_manager import wait_for


def config(base_path, policy="", labels=None, name="pizza"):
    model = config_pb2.ModelConfig(name=name, base_path=str(base_path), version_labels=labels or {})
    text_format.Parse(policy, model.model_version_policy)
    return config_pb2.ModelServerConfig(model_config_list=config_pb2.ModelConfigList(config=[model]))


def status_of(call, *arguments):
    with pytest.raises(StatusError) as raised:
        call(*arguments)
    return raised.value.code.name, raised.value.message


def version_of(core, **spec):
    return core.predict(predict_request(**spec)).model_spec.version.value


@pytest.fixture
def pizza(core, base_path):
    """A core that serves versions 1 and 2."""
    core.apply(config(base_path, "all {}"))
    return core


def test_choice_of_version(pizza):
    """The newest version answers unless the request names one."""
    assert (2, 1) == (version_of(pizza), version_of(pizza, version=1))


def test_labels(pizza, base_path):
    """A label is another name for a version, and moving it is a change of configuration."""
    pizza.apply(config(base_path, "all {}", {"stable": 1, "canary": 2}))
    assert (1, 2) == (version_of(pizza, label="stable"), version_of(pizza, label="canary"))
    pizza.apply(config(base_path, "all {}", {"stable": 2}))
    assert 2 == version_of(pizza, label="stable")
    expected = "INVALID_ARGUMENT", "Unrecognized servable version label: canary"
    assert expected == status_of(pizza.predict, predict_request(label="canary"))


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"model": "tea"}, ("NOT_FOUND", "Servable not found for request: Latest(tea)")),
        ({"version": 9}, ("NOT_FOUND", "Servable not found for request: Specific(pizza, 9)")),
        ({"model": ""}, ("INVALID_ARGUMENT", "ModelSpec has no name specified.")),
        ({"label": "x"}, ("INVALID_ARGUMENT", "Unrecognized servable version label: x")),
        ({"signature": "x"}, ("FAILED_PRECONDITION", 'Serving signature key "x" not found.')),
    ],
)
def test_predict_errors(pizza, spec, expected):
    """What is not there has the original's status and words."""
    assert expected == status_of(pizza.predict, predict_request(**spec))


def test_unforeseen_failure_is_internal(pizza, fake):
    """An exception of a library reaches the client as INTERNAL."""
    fake.engines[2].error = ValueError("odd")
    assert ("INTERNAL", "ValueError: odd") == status_of(pizza.predict, predict_request())


def test_deadline(pizza):
    """A request that comes too late is not run."""
    assert "DEADLINE_EXCEEDED" == status_of(pizza.predict, predict_request(), -1.0)[0]
    assert 2 == pizza.predict(predict_request(), math.inf).model_spec.version.value


def test_metadata(pizza):
    """The signatures come packed under the original's type, with the version that has them."""
    request = pb.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "pizza"
    response = pizza.metadata(request)
    packed = response.metadata["signature_def"]
    assert (2, SIGNATURE_DEF_MAP_URL) == (response.model_spec.version.value, packed.type_url)
    assert {"serving_default", "describe"} == set(pb.SignatureDefMap.FromString(packed.value).signature_def)


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (pb.GetModelMetadataRequest(metadata_field=["signature_def"]), "INVALID_ARGUMENT"),
        (pb.GetModelMetadataRequest(model_spec=pb.ModelSpec(name="pizza")), "INVALID_ARGUMENT"),
        (pb.GetModelMetadataRequest(model_spec=pb.ModelSpec(name="pizza"), metadata_field=["x"]), "INVALID_ARGUMENT"),
        (pb.GetModelMetadataRequest(model_spec=pb.ModelSpec(name="x"), metadata_field=["signature_def"]), "NOT_FOUND"),
    ],
)
def test_metadata_errors(pizza, request_, code):
    """Metadata of nothing, or of a field that does not exist, is the client's mistake."""
    assert code == status_of(pizza.metadata, request_)[0]


def status_request(name, version=None):
    request = pb.GetModelStatusRequest(model_spec=pb.ModelSpec(name=name))
    if version is not None:
        request.model_spec.version.value = version
    return request


def test_status(pizza, fake, base_path):
    """Each version has its state, newest first, and the error of one that is broken."""
    fake.broken[3] = StatusError(grpc.StatusCode.NOT_FOUND, "no model here")
    (base_path / "3").mkdir()
    pizza.apply(config(base_path, "all {}"))
    wait_for(lambda: pizza.status(status_request("pizza", 3)).model_version_status[0].state == 50)
    assert [(3, 50, 5, "no model here"), (2, 30, 0, ""), (1, 30, 0, "")] == [
        (one.version, one.state, one.status.error_code, one.status.error_message)
        for one in pizza.status(status_request("pizza")).model_version_status
    ]


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (pb.GetModelStatusRequest(), ("INVALID_ARGUMENT", "Missing ModelSpec")),
        (status_request("tea"), ("NOT_FOUND", "Could not find any versions of model tea")),
        (status_request("pizza", 9), ("NOT_FOUND", "Could not find version 9 of model pizza")),
    ],
)
def test_status_errors(pizza, request_, expected):
    """What is not there has the original's status and words."""
    assert expected == status_of(pizza.status, request_)


def test_reload_adds_and_removes_models(pizza, base_path, tmp_path):
    """A reload answers when the new model serves; a model that is no longer listed goes."""
    (tmp_path / "tea" / "1").mkdir(parents=True)
    response = pizza.reload(pb.ReloadConfigRequest(config=config(tmp_path / "tea", name="tea")))
    assert 0 == response.status.error_code
    assert 1 == version_of(pizza, model="tea")
    wait_for(lambda: [50, 50] == [one.state for one in pizza.status(status_request("pizza")).model_version_status])


def test_reload_of_a_model_without_versions_answers(pizza, tmp_path):
    """A model may be listed before its first version is there."""
    (tmp_path / "tea").mkdir()
    pizza.reload(pb.ReloadConfigRequest(config=config(tmp_path / "tea", name="tea")))
    assert "NOT_FOUND" == status_of(pizza.predict, predict_request(model="tea"))[0]


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda path: config_pb2.ModelServerConfig(), "INVALID_ARGUMENT"),
        (lambda path: config(path / "none", name="tea"), "INVALID_ARGUMENT"),
        (lambda path: config(path, labels={"stable": 7}), "FAILED_PRECONDITION"),
    ],
)
def test_refused_reload_changes_nothing(pizza, base_path, make, code):
    """A configuration that cannot be served leaves the one that is."""
    assert code == status_of(pizza.reload, pb.ReloadConfigRequest(config=make(base_path)))[0]
    assert (2, 1) == (version_of(pizza), version_of(pizza, version=1))


def test_reload_with_a_broken_model_says_so(pizza, fake, tmp_path):
    """The caller learns that a new model did not load."""
    fake.broken[5] = StatusError(grpc.StatusCode.NOT_FOUND, "no model here")
    (tmp_path / "tea" / "5").mkdir(parents=True)
    code, message = status_of(pizza.reload, pb.ReloadConfigRequest(config=config(tmp_path / "tea", name="tea")))
    assert ("UNKNOWN", True) == (code, "no model here" in message)


def test_labels_for_versions_that_do_not_serve_yet(manager, metrics, base_path):
    """With its flag, a new label may wait for its version, but one in use may not be moved to nothing."""
    core = Core(manager, Source(manager.aspire, 0), metrics, allow_labels_for_unavailable=True)
    core.apply(config(base_path, "latest {}", {"stable": 2, "next": 7}))
    assert 2 == version_of(core, label="stable")
    assert "NOT_FOUND" == status_of(core.predict, predict_request(label="next"))[0]
    moved = config(base_path, "latest {}", {"stable": 7})
    assert "FAILED_PRECONDITION" == status_of(core.apply, moved)[0]


def test_new_version_is_served_by_polling(manager, metrics, fake, base_path):
    """A version that appears replaces the old one without a request failing, and one that goes is unloaded."""
    source = Source(manager.aspire, poll_wait_s=0.01)
    core = Core(manager, source, metrics)
    core.apply(config(base_path))
    source.start()
    seen, failed, stop = set(), [], threading.Event()

    def ask():
        while not stop.is_set():
            try:
                seen.add(version_of(core))
            except StatusError as error:
                failed.append(error)

    clients = [threading.Thread(target=ask) for _ in range(4)]
    for client in clients:
        client.start()
    (base_path / "3").mkdir()
    wait_for(lambda: 3 in seen)
    (base_path / "3").rmdir()
    wait_for(lambda: fake.engines[3].closed)
    stop.set()
    for client in clients:
        client.join()
    source.stop()
    assert ([], {2, 3}) == (failed, seen)
    assert 2 == version_of(core)


def test_requests_are_counted(pizza, metrics):
    """Each Predict call counts once, by model and status; names that are not served share one series."""
    pizza.predict(predict_request())
    pizza.predict(predict_request(), entrypoint="GRPC")
    for name in ("pizza", "tea", "coffee"):
        status_of(pizza.predict, predict_request(model=name, version=9))
    value = metrics.registry.get_sample_value
    name = ":tensorflow:serving:request_count"
    assert 2 == value(name, {"model_name": "pizza", "status": "OK"})
    assert 1 == value(name, {"model_name": "pizza", "status": "NOT_FOUND"})
    assert 2 == value(name, {"model_name": "", "status": "NOT_FOUND"})
    latency = {"model_name": "pizza", "API": "Predict", "entrypoint": "GRPC"}
    assert 1 == value(":tensorflow:serving:request_latency_count", latency)
