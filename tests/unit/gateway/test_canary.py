"""Rules of GATEWAY_CANARIES; tests/contract/test_canary.py has the real model server."""

import base64
import dataclasses

import pytest
from PIL import Image

from gateway.app import create_app
from gateway.canary import Canaries
from gateway.catalog import Catalog
from gateway.metrics import Metrics
from gateway.settings import Settings, SettingsError
from gateway.shares import Share
from serving_api import errors
from serving_api.client import VersionStatus
from serving_api.deadline import Deadline
from tests.unit.gateway.drawn import encode
from tests.unit.gateway.fakes import FakePredictor

BODY = {"instances": [{"b64": base64.b64encode(encode(Image.new("RGB", (20, 10), "#ff0000"))).decode()}]}
PREDICT = "/v1/models/colour"


class Versions(FakePredictor):
    """Serves versions 2 and 3, labelled stable and canary; `broken` ones load, and fail at every picture."""

    def __init__(self):
        super().__init__()
        self.versions = {2, 3}
        self.labels_of = {"stable": 2, "canary": 3}
        self.broken = {}
        self.sizes = {}

    def predict(self, model, inputs, deadline, **options):
        if options.get("signature") != "describe":
            if error := self.broken.get(options["version"]):
                raise error
            assert self.sizes.get(options["version"], (4, 6)) == inputs["image"].shape[1:3]
        return super().predict(model, inputs, deadline, **options)

    def signatures(self, model, deadline, *, version=None, label=None):
        self.version = max(self.versions, default=0) if label is None and version is None else version
        if label is not None:
            self.version = self.labels_of.get(label)
        self.size = self.sizes.get(self.version, (4, 6))
        return super().signatures(model, deadline, version=version, label=label)

    def status(self, model, deadline, version=None):
        super().status(model, deadline)
        return [VersionStatus(one, "AVAILABLE", 0, "") for one in sorted(self.versions, reverse=True)]

    def _check(self, model, version):
        if self.fails is not None:
            raise self.fails
        if version is not None and version not in self.versions:
            raise errors.ModelNotFound(f"Servable not found for request: Specific({model}, {version})")


@pytest.fixture
def predictor():
    return Versions()


def client_of(predictor, share, ttl_s=3600.0):
    settings = Settings(models=("colour",), canaries={"colour": Share("canary", share)}, catalog_ttl_s=ttl_s)
    return create_app(settings, predictor).test_client()


def version_of(client, address=""):
    response = client.post(f"{PREDICT}{address}:predict", json=BODY)
    assert 200 == response.status_code, response.text
    return response.json["model"]["version"]


def fallbacks(client, label):
    name = f'gateway_canary_fallbacks_total{{label="{label}",model="colour"}} '
    values = [line.removeprefix(name) for line in client.get("/metrics").text.splitlines() if line.startswith(name)]
    return float(values[0]) if values else 0.0


@pytest.mark.parametrize(("drawn", "version"), [(0.0, 3), (0.0999, 3), (0.1, 2), (0.999, 2)])
def test_the_draw_decides(predictor, drawn, version):
    """A request whose draw is below the share goes to the canary, every other to the stable version."""
    catalog = Catalog(predictor, ("colour",), {}, 3600.0)
    canaries = Canaries({"colour": Share("canary", 0.1)}, catalog, Metrics(), 3600.0, lambda: drawn)
    assert version == canaries.route("colour", Deadline.after(5)).model.version


def test_a_request_that_names_version_or_label_gets_it(predictor):
    """A share changes nothing for a request that names version or label, nor for a model without a share."""
    client = client_of(predictor, 1.0)
    assert (3, 2, 2) == tuple(version_of(client, address) for address in ("", "/versions/2", "/labels/stable"))
    other = create_app(Settings(models=("colour",)), predictor).test_client()
    assert 3 == version_of(other)


def test_the_default_address_has_the_share_too(predictor):
    """POST /predict goes by the share, and metrics tell which version answered."""
    client = client_of(predictor, 0.0)
    assert 200 == client.post("/predict", json=BODY["instances"][0]).status_code
    assert 'gateway_predict_seconds_count{model="colour",version="2"} 1.0' in client.get("/metrics").text


@pytest.mark.parametrize(("labels", "share", "version"), [
    ({"stable": 2}, 1.0, 2),
    ({"canary": 3}, 0.0, 3),
    ({}, 1.0, 3),
    ({"stable": 2, "canary": 7}, 1.0, 2),
])  # fmt: skip
def test_a_label_that_leads_nowhere_costs_no_answer(predictor, caplog, labels, share, version):
    """Without the label or its version, the stable one or else the newest answers; counted each time, logged once."""
    predictor.labels_of = labels
    client = client_of(predictor, share)
    assert [version] * 3 == [version_of(client) for _ in range(3)]
    label = "canary" if share else "stable"
    assert 3.0 == fallbacks(client, label)
    assert 1 == len([one for one in caplog.messages if f"label '{label}'" in one])


@pytest.mark.parametrize("size", [(4, 6), (8, 8)])
@pytest.mark.parametrize("error", [errors.ServerError("broken"), errors.ContractMismatch("odd"),
                                   errors.InvalidRequest("odd"), errors.ModelNotFound("gone")])  # fmt: skip
def test_a_canary_that_fails_costs_no_answer(predictor, error, size):
    """A canary that fails at its work, of whatever input size, is left alone for a while: the stable one answers."""
    predictor.broken, predictor.sizes = {3: error}, {3: size}
    client = client_of(predictor, 1.0)
    assert [2, 2] == [version_of(client), version_of(client)]
    assert 2.0 == fallbacks(client, "canary")


def test_what_is_not_the_versions_fault_is_told(predictor):
    """A model server that is down or slow is no reason to ask another version: the caller is told, the canary stays."""
    client = client_of(predictor, 1.0)
    for error, status in ((errors.ModelTimeout("slow"), 504), (errors.ModelUnavailable("down"), 503)):
        predictor.broken = {3: error}
        assert status == client.post(f"{PREDICT}:predict", json=BODY).status_code
    predictor.broken = {}
    assert 3 == version_of(client)
    assert 0.0 == fallbacks(client, "canary")


def test_when_all_versions_fail_the_caller_is_told(predictor):
    """Where every version fails there is one problem, and the search ends."""
    predictor.broken = {2: errors.ServerError("broken"), 3: errors.ServerError("broken")}
    assert 502 == client_of(predictor, 1.0).post(f"{PREDICT}:predict", json=BODY).status_code
    predictor.broken, predictor.fails = {}, errors.ModelUnavailable("down")
    assert 503 == client_of(predictor, 1.0).post(f"{PREDICT}:predict", json=BODY).status_code


def test_a_label_that_moves_is_followed(predictor):
    """A label that leads to another version now, the old one being gone, is followed and counts as no fallback."""
    client = client_of(predictor, 0.0)
    assert 2 == version_of(client)
    predictor.labels_of, predictor.versions = {"stable": 3}, {3}
    assert 3 == version_of(client)
    assert 0.0 == fallbacks(client, "stable")


def test_a_label_that_comes_is_noticed(predictor):
    """A label that led nowhere is tried again after the catalog's time."""
    predictor.labels_of = {"stable": 2}
    client = client_of(predictor, 1.0, ttl_s=1e-9)
    assert 2 == version_of(client)
    predictor.labels_of = {"stable": 2, "canary": 3}
    assert 3 == version_of(client)


def test_shares_are_read():
    """GATEWAY_CANARIES is a list of model:label=share."""
    read = Settings.from_environment({"GATEWAY_MODELS": "a,b", "GATEWAY_CANARIES": "a:canary=0.1, b:next=1"})
    assert {"a": Share("canary", 0.1), "b": Share("next", 1.0)} == read.canaries
    with pytest.raises(dataclasses.FrozenInstanceError):
        read.canaries["a"].share = 0.5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("pizza", "is not model:label=share"),
        ("pizza=0.1", "is not model:label=share"),
        ("pizza:canary", "is not model:label=share"),
        ("pizza:canary=-0.1", "is not model:label=share"),
        ("pizza:canary=1.1", "no share from 0 to 1"),
        ("pizza:canary=10", "no share from 0 to 1"),
        ("pizza:canary=0.1.1", "no share from 0 to 1"),
        ("pizza:canary=nan", "is not model:label=share"),
        ("pizza:canary=0.1,pizza:next=0.1", "two shares"),
        ("shoes:canary=0.1", "shoes, which is not among the models"),
    ],
)
def test_errors_name_the_variable(text, said):
    """A share that cannot be used is refused in one line that names the variable and says how it is written."""
    with pytest.raises(SettingsError, match="GATEWAY_CANARIES") as refusal:
        Settings.from_environment({"GATEWAY_CANARIES": text})
    assert said in str(refusal.value)
