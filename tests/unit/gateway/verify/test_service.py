"""The gateways' Service is red where an answer is not the goldens'."""

import dataclasses
import json

import numpy as np
import pytest

from gateway.app import create_app
from gateway.settings import Settings
from gateway.verify.checks import Red
from gateway.verify.expected import Expected
from gateway.verify.service import check_service
from serving_api.deadline import Deadline
from tests.unit.gateway.fakes import FakePredictor
from tests.unit.gateway.verify.running import GOLDEN, MODELS, SETTINGS, but_at, gateway, served


def check(address, models=MODELS):
    return check_service(f"http://{address}", models, Deadline.after(10))


def expected(**changes):
    return [Expected("colour", [dataclasses.replace(GOLDEN, **changes)], {})]


def test_goldens_are_green():
    """A gateway that answers its goldens is green, as JSON and as a form."""
    with gateway() as address:
        assert "2 goldens: at most" in check(address)


def test_many_goldens_go_in_several_requests():
    """No request holds more pictures than a gateway with a low limit takes."""
    many = dataclasses.replace(
        GOLDEN, pictures=list(GOLDEN.pictures) * 10, probabilities=np.tile(GOLDEN.probabilities, (10, 1))
    )
    with gateway(max_instances=8) as address:
        assert "20 goldens" in check(address, [Expected("colour", [many], {})])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"probabilities": np.array([[0.9, 0.1, 0.0], [0.0, 1.0, 0.0]])}, "version 1 is 0.1 off on a golden"),
        ({"labels": ("red", "blue", "green")}, "the labels are ['red', 'green', 'blue'], not"),
        ({"version": 2}, "/versions/2:predict: status 404: The model colour has no version 2"),
        ({"pictures": [b"text", GOLDEN.pictures[1]]}, "not a JPEG, PNG"),
    ],
)  # fmt: skip
def test_another_answer_is_red(changes, said):
    """A probability, label, version or picture that is not the golden's is named."""
    with gateway() as address, pytest.raises(Red) as reason:
        check(address, expected(**changes))
    assert said in str(reason.value)


PROBABILITIES = {"red": 1.0, "green": 0.0, "blue": 0.0}
MISNAMED = {"label": "green", "probability": 0.0, "probabilities": PROBABILITIES}


@pytest.mark.parametrize(
    ("path", "answer", "said"),
    [
        ("/v1/models/colour:predict", {"model": {"version": 7}, "predictions": []}, "version 7 answered, not 1"),
        ("/v1/models/colour:predict", {"model": {"version": 1}, "predictions": []}, "version 1 is inf off"),
        ("/v1/models/colour:predict", {"model": {"version": 1}, "predictions": [MISNAMED]}, "not the likeliest"),
        ("/v1/models/colour:predict", {"model": {"version": 1}, "predictions": ["x"]}, "no list of predictions"),
        ("/v1/models/colour:predict", [], "no list of predictions"),
        ("/v1/models/colour:predict", {"predictions": 3}, "no list of predictions"),
        ("/predict", {"red": 1.0}, "/predict: the answer has not the labels"),
        ("/predict", [], "/predict: the answer has not the labels"),
    ],
)
def test_an_odd_answer_is_red(path, answer, said):
    """An answer of another form is red, whichever it is."""
    application = but_at(create_app(SETTINGS, FakePredictor()), path, "200 OK", json.dumps(answer).encode())
    with served(application) as address, pytest.raises(Red) as reason:
        check(address)
    assert said in str(reason.value)


def test_any_labelled_version_may_answer_where_none_is_named():
    """With labels, a request without a version may be answered by any of them; without labels, by the newest only."""
    newer = dataclasses.replace(GOLDEN, version=2)
    predictor = FakePredictor()
    predictor._check = lambda model, version: None
    application = create_app(Settings(models=("colour",)), predictor)
    answer = {"model": {"version": 2}, "predictions": []}
    answer["predictions"] = [
        {"label": label, "probabilities": {one: float(one == label) for one in GOLDEN.labels}}
        for label in ("red", "green")
    ]
    body = json.dumps(answer).encode()
    application = but_at(application, "/v1/models/colour/versions/2:predict", "200 OK", body)
    with served(application) as address:  # which answers as version 1 where none is named
        assert "4 goldens" in check(address, [Expected("colour", [newer, GOLDEN], {"stable": 1, "canary": 2})])
        with pytest.raises(Red, match="version 1 answered, not 2"):
            check(address, [Expected("colour", [newer, GOLDEN], {})])


def test_a_model_without_goldens_is_not_asked():
    """A model that only has to be available is not asked for answers."""
    with gateway() as address:
        assert check(address, [Expected("other", [], {})]).startswith("0 goldens")
