"""Overlays are built alone, with components and with a layer on top, from copies."""

import shutil

import pytest
import yaml

from pykustomize import BuildError
from tools.manifests.rendering import (
    ENVIRONMENTS,
    NOT_TOGETHER,
    ROOT,
    SOURCES,
    all_components,
    combinations,
    listed_components,
    render,
    render_all,
    top_of,
)

LAYER = """\
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
images:
  - name: model-server
    newTag: other
---
apiVersion: v1
kind: ConfigMap
metadata: {name: added}
"""


@pytest.fixture
def tree(tmp_path):
    """A copy of the repository's sources."""
    for source in SOURCES:
        (tmp_path / source).parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (ROOT / source).is_dir() else shutil.copyfile)(ROOT / source, tmp_path / source)
    return tmp_path


def test_every_sensible_combination_is_there():
    """Every set of components on every overlay, but for what the overlay has and what does not go with it."""
    for environment in ENVIRONMENTS:
        refused = {name for pair in NOT_TOGETHER if environment in pair for name in pair}
        free = set(all_components()) - listed_components(ROOT / "overlays" / environment) - refused
        sets = {frozenset(each.components) for each in combinations() if each.environment == environment}
        assert frozenset() in sets
        assert all(frozenset({name}) in sets for name in free)
        assert 2 ** len(free) == len(sets)
        assert free == set().union(*sets)


def test_what_does_not_go_together_is_refused_with_its_reason():
    """A combination that makes no sense is not built by mistake."""
    with pytest.raises(ValueError, match=r"kind \+ gpu: a kind node"):
        render("kind", ["gpu"])


@pytest.mark.parametrize("combination", combinations(), ids=lambda each: "+".join((each.environment, *each.components)))
def test_every_combination_builds(combination):
    """Kustomize accepts every sensible combination, and each component changes something."""
    built = render(*combination)
    assert built.objects
    if combination.components:
        assert built.objects != render(combination.environment, combination.components[1:]).objects


def test_the_order_of_components_does_not_matter(tree):
    """People list components in any order, and get the same."""
    path = tree / "overlays/prod/kustomization.yaml"
    overlay = yaml.safe_load(path.read_text())
    names = [f"../../components/{name}" for name in all_components()]
    built = []
    for order in (names, names[::-1]):
        path.write_text(yaml.safe_dump(overlay | {"components": [*order, "release"]}))
        built.append(sorted(map(yaml.safe_dump, render("prod", (), tree).objects)))
    assert built[0] == built[1]


def test_components_come_before_the_release():
    """The release has the last word about images, a component's too."""
    tree = render("prod", ["monitoring"]).tree
    listed = yaml.safe_load((tree / "overlays/prod/kustomization.yaml").read_text())["components"]
    assert "../../components/monitoring" in listed
    assert "release" == listed[-1]


def test_a_component_that_the_overlay_lists_is_not_added_twice():
    """Asking for it again changes nothing."""
    for environment in ENVIRONMENTS:
        listed = listed_components(ROOT / "overlays" / environment) & set(all_components())
        assert render(environment).objects == render(environment, tuple(listed)).objects


def test_a_layer_sees_what_the_overlay_made(tmp_path):
    """What is laid over an overlay is the last to speak, and brings objects of its own."""
    extra = tmp_path / "layer.yaml"
    extra.write_text(LAYER)
    built = render("kind", extra=extra)
    images = [
        c["image"] for each in built.of_kind("Deployment") for c in each["spec"]["template"]["spec"]["containers"]
    ]
    assert "model-server:other" in images
    assert "added" in [each["metadata"]["name"] for each in built.of_kind("ConfigMap")]
    assert len(render("kind").objects) + 1 == len(built.objects)


def test_the_repository_is_not_touched(tree):
    """Everything is built in copies."""
    before = {path: path.read_bytes() for path in tree.rglob("*") if path.is_file()}
    built = render("prod", ["monitoring"], tree)
    assert before == {path: path.read_bytes() for path in tree.rglob("*") if path.is_file()}
    assert tree not in top_of(built.tree, "prod").parents


def test_a_change_of_a_file_is_seen(tree):
    """What was kept is given again for the same files only."""
    before = render("kind", (), tree)
    assert before is render("kind", (), tree)
    settings = tree / "base/gateway/settings.env"
    settings.write_text(settings.read_text() + "GATEWAY_LOG_LEVEL=debug\n")
    assert before.objects != render("kind", (), tree).objects


def test_an_error_names_the_file_as_people_know_it(tree):
    """Not the copy in a temporary folder."""
    (tree / "base/gateway/service.yaml").unlink()
    with pytest.raises(BuildError) as error:
        render("kind", (), tree)
    assert "base/gateway/service.yaml" in str(error.value)
    assert "/manifests-" not in str(error.value)


def test_many_are_built_in_the_order_that_was_asked():
    """Threads do not mix them up."""
    wanted = combinations()[:5]
    assert wanted == [(each.environment, each.components) for each in render_all(wanted)]
