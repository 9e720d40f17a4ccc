"""Rules of the GATEWAY_* variables and of the file of foreign models."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from gateway import pictures, settings
from gateway.foreign import ForeignModel, ForeignModelError, read_foreign_models
from gateway.settings import Settings, SettingsError, variable_of

README = Path(settings.__file__).with_name("README.md").read_text(encoding="utf-8")
VARIABLES = {variable_of(field.name) for field in fields(Settings)}


def test_every_setting_is_in_the_readme():
    """README.md's table has every setting and no other, and the default of each."""
    rows = dict(re.findall(r"^\| `(GATEWAY_\w+)` \| `?([^|`]*)`? ?\|", README, re.MULTILINE))
    assert VARIABLES == set(rows)
    assert Settings() == Settings.from_environment({name: value.strip() for name, value in rows.items()})


def test_every_field_can_be_set():
    """No field of Settings is without a parser."""
    assert {field.name for field in fields(Settings)} == set(settings._PARSERS)


def test_defaults():
    """A bare environment gives the defaults, and so does an empty value."""
    assert Settings() == Settings.from_environment({})
    assert Settings() == Settings.from_environment({"GATEWAY_PORT": "", "GATEWAY_MODELS": " "})
    assert pictures.MAX_PIXELS == Settings().max_pixels


def test_values():
    """Values are read into their types."""
    read = Settings.from_environment(
        {"GATEWAY_MODELS": "clothing, pizza", "GATEWAY_TIMEOUT_S": "2.5", "GATEWAY_ALLOW_LOOPBACK_URLS": "1"}
    )
    assert (("clothing", "pizza"), 2.5, True) == (read.models, read.timeout_s, read.allow_loopback_urls)


def test_models_come_from_the_model_servers_list(tmp_path):
    """GATEWAY_MODEL_CONFIG_FILE names the models in the list's order; GATEWAY_MODELS goes before it."""
    listed = tmp_path / "models.config"
    listed.write_text(
        'model_config_list { config { name: "hats" version_labels { key: "name" value: 1 } } config { name: "pizza" } }'
    )
    environment = {"GATEWAY_MODEL_CONFIG_FILE": str(listed)}
    assert ("hats", "pizza") == Settings.from_environment(environment).models
    assert ("pizza",) == Settings.from_environment({**environment, "GATEWAY_MODELS": "pizza"}).models


def test_service_link_is_no_port():
    """What Kubernetes injects beside a Service named gateway is not taken for the port."""
    assert 9696 == Settings.from_environment({"GATEWAY_PORT": "tcp://10.96.3.4:80"}).port


def test_loopback_urls_are_refused_inside_kubernetes():
    """The switch for development cannot be left on in a cluster: what it opens there is the pod."""
    cluster = {"KUBERNETES_SERVICE_HOST": "10.96.0.1"}
    assert not Settings.from_environment(cluster).allow_loopback_urls
    with pytest.raises(SettingsError, match="GATEWAY_ALLOW_LOOPBACK_URLS"):
        Settings.from_environment({"GATEWAY_ALLOW_LOOPBACK_URLS": "1", **cluster})


def test_hosts_of_urls():
    """GATEWAY_URL_HOSTS is a list of names, some with all names below them."""
    read = Settings.from_environment({"GATEWAY_URL_HOSTS": "Pictures.example, *.cdn.example"})
    assert ("pictures.example", "*.cdn.example") == read.url_hosts


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("GATEWAY_URL_HOSTS", "https://pictures.example"),
        ("GATEWAY_URL_HOSTS", "pictures.example:443"),
        ("GATEWAY_URL_HOSTS", "*"),
        ("GATEWAY_URL_HOSTS", "pictures.*"),
        ("GATEWAY_URL_HOSTS", "a.example,"),
        ("GATEWAY_CONTACT", "me (at home)"),
        ("GATEWAY_CONTACT", "me\r\nHost: other"),
        ("GATEWAY_PORT", "0"),
        ("GATEWAY_PORT", "http"),
        ("GATEWAY_MAX_FETCHES", "²"),
        ("GATEWAY_TIMEOUT_S", "nan"),
        ("GATEWAY_TIMEOUT_S", "-1"),
        ("GATEWAY_ALLOW_LOOPBACK_URLS", "yes"),
        ("GATEWAY_MODELS", "pizza,pizza"),
        ("GATEWAY_MODELS", "a/b"),
        ("GATEWAY_MODEL_SERVER", "localhost"),
        ("GATEWAY_MAX_IN_FLIGHT", "0"),
        ("GATEWAY_FOREIGN_MODELS", "/no/such/file.toml"),
        ("GATEWAY_MODEL_CONFIG_FILE", "/no/such/models.config"),
        ("GATEWAY_MODEL_CONFIG_FILE", __file__),  # no list
        ("GATEWAY_MODEL_CONFIG_FILE", "/dev/null"),  # a list without a model
    ],
)
def test_errors_name_the_variable(variable, value):
    """A value that cannot be used is refused in one line that names its variable."""
    with pytest.raises(SettingsError, match=variable) as refusal:
        Settings.from_environment({variable: value})
    assert "\n" not in str(refusal.value)


def test_foreign_models(tmp_path):
    """TOML and JSON describe the same model."""
    expected = {"x": ForeignModel(labels=("a", "b"), scaling="[-1,1]", activation="softmax")}
    toml, json = tmp_path / "f.toml", tmp_path / "f.json"
    toml.write_text('[x]\nlabels = ["a", "b"]\nscaling = "[-1,1]"\nactivation = "softmax"')
    json.write_text('{"x": {"labels": ["a", "b"], "scaling": "[-1,1]", "activation": "softmax"}}')
    assert expected == read_foreign_models(toml)
    assert expected == read_foreign_models(json)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[x", "TOML"),
        ("x = 1", "x"),
        ("[x]", "labels"),
        ('[x]\nlabels = ["a"]', "labels"),
        ('[x]\nlabels = ["a", "a"]', "labels"),
        ('[x]\nlabels = ["a", "b"]\nscaling = "[0,2]"', "scaling"),
        ('[x]\nlabels = ["a", "b"]\nactivation = "relu"', "activation"),
        ('[x]\nlabels = ["a", "b"]\nheight = "9"', "height"),
        ('[x]\nlabels = ["a", "b"]\nlable = "9"', "lable"),
    ],
)
def test_foreign_model_errors(tmp_path, text, named):
    """An entry that cannot be used is refused by its key."""
    file = tmp_path / "f.toml"
    file.write_text(text)
    with pytest.raises(ForeignModelError, match=named):
        read_foreign_models(file)
