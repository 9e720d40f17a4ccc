"""The files that flags name are those of the original, and a mistake in one is named."""

import grpc
import pytest
from google.protobuf import text_format

from model_server import config as configs
from model_server.errors import StatusError
from serving_api import config_pb2


def parse(text):
    return text_format.Parse(text, config_pb2.ModelServerConfig())


def test_model_config_file(tmp_path):
    """A file as TensorFlow Serving's guide shows it is read."""
    path = tmp_path / "models.config"
    path.write_text("""
        # two models
        model_config_list {
          config {
            name: 'pizza' base_path: '/models/pizza' model_platform: 'tensorflow'
            model_version_policy { specific { versions: 42 versions: 43 } }
            version_labels { key: 'stable' value: 43 }
          }
          config { name: 'tea' base_path: '/models/tea' }
        }""")
    models = configs.check_models(configs.read_text_proto(str(path), config_pb2.ModelServerConfig()))
    assert ["pizza", "tea"] == [model.name for model in models]
    assert ([42, 43], {"stable": 43}) == (
        list(models[0].model_version_policy.specific.versions),
        dict(models[0].version_labels),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model_config_list { config { nam: 'pizza' } }", "nam"),
        ("model_config_list { config {", "models.config: not a ModelServerConfig: 1:"),
        ("{}", "not a ModelServerConfig"),
    ],
)
def test_malformed_file(tmp_path, text, message):
    """The error has the path and what is wrong."""
    path = tmp_path / "models.config"
    path.write_text(text)
    with pytest.raises(StatusError, match=message) as raised:
        configs.read_text_proto(str(path), config_pb2.ModelServerConfig())
    assert grpc.StatusCode.INVALID_ARGUMENT == raised.value.code


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_file_that_cannot_be_read(tmp_path, content):
    """A path that leads nowhere, or to no text, is named."""
    path = tmp_path / "models.config"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StatusError, match=r"models\.config: cannot be read"):
        configs.read_text_proto(str(path), config_pb2.ModelServerConfig())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no model_config_list"),
        ("model_config_list { config { base_path: '/m' } }", "model name ''"),
        ("model_config_list { config { name: 'a/b' base_path: '/m' } }", "model name 'a/b'"),
        ("model_config_list { config { name: 'a' } }", "model a has no base_path"),
        ("model_config_list { config { name: 'a' base_path: '/m' model_platform: 'caffe' } }", "platform caffe"),
        (
            "model_config_list { config { name: 'a' base_path: '/m' } config { name: 'a' base_path: '/n' } }",
            "Illegal to list model a multiple times",
        ),
    ],
)
def test_lists_that_cannot_be_served(text, message):
    """A list that means nothing is refused before anything is loaded."""
    with pytest.raises(StatusError, match=message):
        configs.check_models(parse(text))


def test_single_model():
    """Two flags stand for a list of one."""
    (model,) = configs.check_models(configs.single_model("pizza", "/models/pizza"))
    assert ("pizza", "/models/pizza") == (model.name, model.base_path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, (False, "")),
        ("prometheus_config { enable: true }", (True, "/monitoring/prometheus/metrics")),
        ("prometheus_config { enable: true path: '/metrics' }", (True, "/metrics")),
    ],
)
def test_monitoring(tmp_path, text, expected):
    """Prometheus is off without a file, and has the original's path unless the file names one."""
    path = tmp_path / "monitoring.config"
    if text is not None:
        path.write_text(text)
    prometheus = configs.read_monitoring(str(path) if text else "").prometheus_config
    assert expected == (prometheus.enable, prometheus.path)


def test_monitoring_path_must_be_absolute(tmp_path):
    """A path that no request could have is refused."""
    path = tmp_path / "monitoring.config"
    path.write_text("prometheus_config { enable: true path: 'metrics' }")
    with pytest.raises(StatusError, match="must begin with /"):
        configs.read_monitoring(str(path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("server_key: 'k'", "server_key and server_cert"),
        ("server_key: 'k' server_cert: 'c' client_verify: true", "client_verify needs custom_ca"),
    ],
)
def test_incomplete_tls(tmp_path, text, message):
    """TLS that could not work is refused before a port opens."""
    path = tmp_path / "ssl.config"
    path.write_text(text)
    with pytest.raises(StatusError, match=message):
        configs.read_server_credentials(str(path))
