"""Versions are found on disk and chosen by policy."""

import logging
import threading

import pytest
from google.protobuf import text_format

from model_server.errors import StatusError
from model_server.source import Source, choose_versions, list_versions_of
from serving_api import config_pb2


def model(base_path, policy=""):
    config = config_pb2.ModelConfig(name="pizza", base_path=str(base_path))
    text_format.Parse(policy, config.model_version_policy)
    return config


def make(base_path, *names):
    for name in names:
        (base_path / name).mkdir(parents=True)


def test_only_numbered_directories_are_versions(tmp_path):
    """A version is a directory whose whole name is a number."""
    make(tmp_path, "1", "0010", "v2", "3.tmp", "-4", "\u0665")
    (tmp_path / "6").write_text("a file")
    assert {1: tmp_path / "1", 10: tmp_path / "0010"} == list_versions_of(model(tmp_path))


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("", [3]),
        ("latest {}", [3]),
        ("latest { num_versions: 2 }", [2, 3]),
        ("latest { num_versions: 9 }", [1, 2, 3]),
        ("all {}", [1, 2, 3]),
        ("specific { versions: 1 versions: 3 }", [1, 3]),
        ("specific { versions: 7 }", []),
    ],
)
def test_policies(tmp_path, policy, expected):
    """Latest N, all and specific choose as in the original; no policy means latest 1."""
    found = {number: tmp_path / str(number) for number in (1, 2, 3)}
    assert expected == sorted(choose_versions(found, model(tmp_path, policy).model_version_policy))


def test_missing_base_path_is_an_error(tmp_path):
    """A base path that is away is not a model without versions."""
    with pytest.raises(StatusError, match=r"Could not find base path .* for servable pizza"):
        list_versions_of(model(tmp_path / "none"))


def test_base_path_that_goes_away_changes_nothing(tmp_path):
    """While a base path cannot be read, its versions stay wanted."""
    make(tmp_path, "base/1")
    aspired = []
    source = Source(lambda _, versions: aspired.append(sorted(versions)), poll_wait_s=0)
    source.update([model(tmp_path / "base")])
    (tmp_path / "base").rename(tmp_path / "away")
    source.update([model(tmp_path / "base")])
    assert [[1]] == aspired


def test_model_that_is_no_longer_listed_gets_no_versions(tmp_path):
    """A model that leaves the configuration is unloaded."""
    make(tmp_path, "1")
    aspired = []
    source = Source(lambda name, versions: aspired.append((name, sorted(versions))), poll_wait_s=0)
    source.update([model(tmp_path)])
    source.update([])
    assert [("pizza", [1]), ("pizza", [])] == aspired


def test_empty_base_path_is_said_once(tmp_path, caplog):
    """A poll each second must not fill the log."""
    source = Source(lambda *_: None, poll_wait_s=0)
    with caplog.at_level(logging.WARNING):
        source.update([model(tmp_path)])
        source.update([model(tmp_path)])
    assert 1 == sum("No versions of servable pizza" in record.message for record in caplog.records)


def test_polling_finds_new_versions(tmp_path):
    """A version that appears is told without anybody asking."""
    make(tmp_path, "1")
    found = threading.Event()
    source = Source(lambda _, versions: found.set() if 2 in versions else None, poll_wait_s=0.01)
    source.update([model(tmp_path)])
    source.start()
    make(tmp_path, "2")
    assert found.wait(10)
    source.stop()
