"""A model configuration file that changes is served."""

import logging
import threading

import grpc
import pytest

from model_server.config_watch import ConfigWatch
from model_server.errors import StatusError
from serving_api import config_pb2

ONE = "model_config_list { config { name: 'pizza' base_path: '/models/pizza' } }"
TWO = "model_config_list { config { name: 'tea' base_path: '/models/tea' } }"


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "models.config"
    path.write_text(ONE)
    return path


def names(config):
    return [model.name for model in config.model_config_list.config]


def test_only_what_is_new_is_applied(path):
    """A file that says the same again changes nothing."""
    applied = []
    watch = ConfigWatch(str(path), 0, config_pb2.ModelServerConfig(), lambda config: applied.append(names(config)))
    watch.poll()
    watch.poll()
    path.write_text(TWO)
    watch.poll()
    assert [["pizza"], ["tea"]] == applied


@pytest.mark.parametrize("text", ["model_config_list {", None])
def test_bad_file_is_said_once_and_changes_nothing(path, text, caplog):
    """While a file is wrong or away, what serves goes on; the log says so once."""
    watch = ConfigWatch(str(path), 0, config_pb2.ModelServerConfig(), lambda config: pytest.fail(str(config)))
    path.unlink()
    if text is not None:
        path.write_text(text)
    with caplog.at_level(logging.ERROR):
        watch.poll()
        watch.poll()
    assert 1 == len(caplog.records)


def test_refused_configuration_is_tried_again(path):
    """A label that waits for its version is set once the version serves."""
    attempts = []

    def apply(config):
        attempts.append(names(config))
        if len(attempts) == 1:
            raise StatusError(grpc.StatusCode.FAILED_PRECONDITION, "not yet")

    watch = ConfigWatch(str(path), 0, config_pb2.ModelServerConfig(), apply)
    for _ in range(3):
        watch.poll()
    assert [["pizza"], ["pizza"]] == attempts


def test_thread_polls(path):
    """Nobody needs to ask."""
    applied = threading.Event()
    watch = ConfigWatch(str(path), 0.01, config_pb2.ModelServerConfig(), lambda _: applied.set())
    watch.start()
    assert applied.wait(10)
    watch.stop()
