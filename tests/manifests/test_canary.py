"""Rules of the component `canary`."""

import pytest

from gateway.settings import Settings
from tools.manifests import configuration
from tools.manifests.rendering import ENVIRONMENTS, ROOT, render
from tools.manifests.workloads import pods
from tools.models import LIST, read_list, versions

CONFIG = ROOT / "components/canary/canary.config"
LISTED = {model.name: model for model in read_list(CONFIG).model_config_list.config}


@pytest.fixture(scope="module", params=ENVIRONMENTS)
def rendering(request):
    """Each overlay with the canary, and prod's release after it."""
    return render(request.param, ("canary",))


def test_every_version_is_there():
    """Every version that the list or a label names is in apps/model-server/models, and every label's is served."""
    for name, model in LISTED.items():
        served = set(model.model_version_policy.specific.versions)
        assert served <= set(versions(name)), name
        assert set(model.version_labels.values()) <= served, name


def test_the_canary_has_both_labels():
    """Pizza has the two labels that the gateway asks for."""
    assert {"stable", "canary"} == set(LISTED["pizza"].version_labels)


def test_the_list_is_the_bundled_one():
    """Versions and labels aside, the list says of every model what the bundled list says."""
    bundled = list(read_list(LIST).model_config_list.config)
    plain = list(read_list(CONFIG).model_config_list.config)
    for model in plain:
        model.ClearField("model_version_policy")
        model.ClearField("version_labels")
    assert bundled == plain


def test_servers_and_gateways_read_it(rendering):
    """In every overlay, also where a release names the models, the canary's list is what everybody reads."""
    (server,) = configuration.model_servers(rendering)
    assert read_list(CONFIG) == configuration.model_list(server)
    assert "--allow_version_labels_for_unavailable_models" in configuration.arguments(server)
    (gateway,) = gateways(rendering)
    settings = configuration.gateway_settings(gateway)
    assert ("canary", 0.1) == (settings.canaries["pizza"].label, settings.canaries["pizza"].share)
    assert tuple(LISTED) == settings.models


def test_without_it_nothing_of_it_is_left():
    """An overlay without the component has no share, no label and no second list."""
    for environment in ENVIRONMENTS:
        plain = render(environment)
        (gateway,) = gateways(plain)
        assert Settings().canaries == configuration.gateway_settings(gateway).canaries
        (server,) = configuration.model_servers(plain)
        assert not any(model.version_labels for model in configuration.model_list(server).model_config_list.config)


def gateways(rendering):
    """Give the gateways' containers; what verifies and proves is started with the same settings."""
    return [
        one
        for pod in pods(rendering)
        for one in pod.containers()
        if one.definition["name"] == "gateway" and configuration.gateway_settings(one)
    ]
