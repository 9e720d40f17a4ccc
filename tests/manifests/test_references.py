"""Entries of kustomizations that do nothing are found; those that Kustomize refuses by itself are known."""

import shutil

import pytest
import yaml

from pykustomize import KustomizeError
from tools.manifests.references import idle_entries
from tools.manifests.rendering import ROOT, SOURCES, render


@pytest.fixture
def tree(tmp_path):
    """A copy of the repository's sources."""
    for source in SOURCES:
        (tmp_path / source).parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (ROOT / source).is_dir() else shutil.copyfile)(ROOT / source, tmp_path / source)
    return tmp_path


def change(path, **fields):
    kustomization = yaml.safe_load(path.read_text()) if path.exists() else {"kind": "Component"}
    for field, entries in fields.items():
        kustomization.setdefault(field, []).extend(entries)
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump(kustomization))


def idle(*renderings):
    return [(each.subject, each.message.partition(" ")[0]) for each in idle_entries(renderings)]


def test_a_component_that_changes_nothing_is_idle(tree):
    """A component that is switched on and has no effect is found."""
    change(tree / "components/empty/kustomization.yaml", images=[{"name": "nobody", "newTag": "2"}])
    found = idle(render("kind", ("empty",), tree))
    last = len(yaml.safe_load((tree / "overlays/kind/kustomization.yaml").read_text())["components"])
    assert ("overlays/kind/kustomization.yaml", f"components[{last}]") in found


def test_an_entry_of_a_component_acts_if_it_acts_on_one_overlay(tree):
    """A component may change what only one of the overlays has."""
    patch = {"target": {"kind": "Ingress"}, "patch": "- op: remove\n  path: /spec/tls"}
    change(tree / "components/plain/kustomization.yaml", patches=[patch])
    on_kind, on_prod = render("kind", ("plain",), tree), render("prod", ("plain",), tree)
    entry = ("components/plain/kustomization.yaml", "patches[0]")
    assert entry in idle(on_kind)
    assert entry not in idle(on_kind, on_prod)


def test_an_entry_of_an_overlay_may_be_there_for_a_component(tree):
    """What an overlay says of a component's object acts once the component is added."""
    image = {"name": "checker", "newTag": "2"}
    job = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "checker"}}
    change(tree / "overlays/kind/kustomization.yaml", images=[image])
    change(tree / "components/checked/kustomization.yaml", resources=["pod.yaml"])
    (tree / "components/checked/pod.yaml").write_text(
        yaml.safe_dump(job | {"spec": {"containers": [{"name": "checker", "image": "checker"}]}})
    )
    plain = render("kind", (), tree)
    entry = ("overlays/kind/kustomization.yaml", "images[2]")
    assert entry in idle(plain)
    assert entry not in idle(plain, render("kind", ("checked",), tree))


def test_an_idle_entry_of_the_base_is_found_once(tree):
    """The base is judged by itself, not once an overlay."""
    change(tree / "base/gateway/kustomization.yaml", images=[{"name": "gatewai", "newTag": "2"}])
    found = idle(render("kind", (), tree), render("prod", (), tree))
    assert 1 == found.count(("base/gateway/kustomization.yaml", "images[0]"))


@pytest.mark.parametrize(
    "entry",
    [
        {"replicas": [{"name": "gatewai", "count": 3}]},
        {"configMapGenerator": [{"name": "gatewai", "behavior": "merge", "literals": ["A=1"]}]},
        {"patches": [{"patch": "{apiVersion: v1, kind: Service, metadata: {name: gatewai}, spec: {type: NodePort}}"}]},
        {
            "replacements": [
                {"source": {"kind": "Service", "name": "gatewai"}, "targets": [{"select": {"kind": "Job"}}]}
            ]
        },
    ],
    ids=lambda entry: next(iter(entry)),
)
def test_kustomize_itself_refuses_some_entries_that_match_nothing(tree, entry):
    """These need no rule of ours: nothing is built."""
    change(tree / "overlays/kind/kustomization.yaml", **entry)
    with pytest.raises(KustomizeError, match="gatewai"):
        render("kind", (), tree)
