"""A version answers its recorded requests before it serves."""

import grpc
import pytest

from model_server import warmup
from model_server.errors import StatusError
from model_server.servable import Servable
from serving_api import serving_pb2 as pb
from serving_api.tfrecord import write_records
from tests.unit.model_server.fakes import FakeEngine, picture, predict_request, write_warmup


@pytest.fixture
def engine():
    return FakeEngine()


@pytest.fixture
def servable(engine):
    return Servable("pizza", 1, engine)


def test_every_request_is_replayed(tmp_path, servable, engine):
    """Each recorded request is run as often as asked."""
    write_warmup(tmp_path, predict_request(picture(rows=2)), predict_request(model="other"))
    assert 4 == warmup.warm_up(servable, tmp_path, iterations=2)
    assert [2, 2, 1, 1] == [call[1] for call in engine.calls]


def test_no_file_is_no_error(tmp_path, servable, engine):
    """A model without recorded requests serves without."""
    assert 0 == warmup.warm_up(servable, tmp_path)
    assert [] == engine.calls


def test_a_request_that_fails_fails_the_load(tmp_path, servable, engine):
    """A version that loads and cannot run is found before a client finds it."""
    engine.error = StatusError(grpc.StatusCode.FAILED_PRECONDITION, "no variables")
    write_warmup(tmp_path, predict_request())
    with pytest.raises(StatusError, match="no variables"):
        warmup.warm_up(servable, tmp_path)


@pytest.mark.parametrize("damage", [lambda data: data[:-3], lambda data: data[:-1] + b"!", lambda _: b"text"])
def test_a_damaged_file_fails_the_load(tmp_path, servable, damage):
    """A file that was copied in part says that the version was, too."""
    write_warmup(tmp_path, predict_request())
    path = tmp_path / warmup.FILE
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(StatusError, match="Failed to read warmup record") as raised:
        warmup.warm_up(servable, tmp_path)
    assert grpc.StatusCode.DATA_LOSS == raised.value.code


def test_records_that_are_no_log(tmp_path, servable):
    """A sound TFRecord file of something else is named as such."""
    write_records(tmp_path / warmup.FILE, [b"\xff\xff\xff"])
    with pytest.raises(StatusError, match="Failed to read warmup record"):
        warmup.warm_up(servable, tmp_path)


def test_other_kinds_of_requests_are_skipped(tmp_path, servable, engine):
    """Only Predict can be replayed."""
    write_records(tmp_path / warmup.FILE, [pb.PredictionLog().SerializeToString()])
    assert 0 == warmup.warm_up(servable, tmp_path)


def test_too_many_records(tmp_path, servable, monkeypatch):
    """The original's limit holds here as well."""
    monkeypatch.setattr(warmup, "MAX_RECORDS", 1)
    write_warmup(tmp_path, predict_request(), predict_request())
    with pytest.raises(StatusError, match="exceeds the maximum"):
        warmup.warm_up(servable, tmp_path)
