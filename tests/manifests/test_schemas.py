"""Objects are held to schemas that are fetched once, checked, and strict."""

import json

import pytest

from tools.manifests import crds, schemas

CONFIG = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "it"}, "data": {"a": "1"}}
MONITOR = {
    "apiVersion": "monitoring.coreos.com/v1",
    "kind": "ServiceMonitor",
    "metadata": {"name": "it"},
    "spec": {"selector": {}, "endpoints": [{"port": "http"}]},
}
APPLICATION = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Application",
    "metadata": {"name": "it"},
    "spec": {"project": "it", "destination": {"name": "here"}, "source": {"repoURL": "https://git.example.org"}},
}


def said(found):
    return schemas.validate([found]).get(schemas.key_of(found))


@pytest.mark.parametrize("found", [CONFIG, MONITOR, APPLICATION], ids=lambda found: found["kind"])
def test_an_object_that_its_schema_knows_is_valid(found):
    """A sound object of Kubernetes and of each custom resource passes."""
    assert said(found) is None


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (CONFIG | {"date": {}}, "additional properties 'date' not allowed"),
        (CONFIG | {"data": {"a": 1}}, "at '/data/a'"),
        (MONITOR | {"metadata": {"name": "it", "lables": {}}}, "at '/metadata': additional properties 'lables'"),
        (MONITOR | {"spec": {"selector": {}, "endpoints": [{"prot": "http"}]}}, "additional properties 'prot'"),
        (MONITOR | {"spec": {"endpoints": []}}, "selector"),
        (APPLICATION | {"spec": APPLICATION["spec"] | {"syncpolicy": {}}}, "additional properties 'syncpolicy'"),
        (CONFIG | {"apiVersion": "v2"}, "could not find schema"),
        (CONFIG | {"apiVersion": "unknown.example.org/v1"}, "could not find schema"),
        ({"apiVersion": "policy/v1beta1", "kind": "PodDisruptionBudget", "metadata": {"name": "it"}}, "could not find"),
    ],
)
def test_an_object_that_its_schema_does_not_know_is_refused(found, expected):
    """Unknown fields, wrong types, missing fields, and kinds that this version of Kubernetes no longer serves."""
    assert expected in said(found)


def test_a_verdict_names_every_mistake_in_one_order():
    """Two mistakes are told together, and the same way at each run."""
    found = CONFIG | {"data": {"b": 2, "a": 1}, "kinds": 1}
    assert said(found) == "; ".join(sorted(said(found).split("; ")))
    assert len(said(found).split("; ")) >= 3


def test_a_field_that_a_definition_leaves_open_stays_open():
    """Strict is what names its fields; maps, and what asks to keep unknown fields, take others."""
    schema = crds.strict(
        {
            "properties": {
                "map": {"type": "object", "additionalProperties": {"type": "object", "properties": {"a": {}}}},
                "kept": {"type": "object", "properties": {"a": {}}, "x-kubernetes-preserve-unknown-fields": True},
                "list": {"items": {"properties": {"a": {}}}},
                "free": {"type": "object"},
                "null": {"type": "string", "nullable": True},
            }
        }
    )
    inner = schema["properties"]
    assert schema["additionalProperties"] is False
    assert inner["map"]["additionalProperties"]["additionalProperties"] is False
    assert inner["list"]["items"]["additionalProperties"] is False
    assert "additionalProperties" not in inner["kept"]
    assert "additionalProperties" not in inner["free"]
    assert inner["null"]["type"] == ["string", "null"]


def test_without_network_and_cache_the_error_says_what_to_do(monkeypatch, tmp_path):
    """Nothing is half made, and a later run with a network goes on."""
    monkeypatch.setenv("GOPROXY", "off")
    monkeypatch.setenv("GOMODCACHE", str(tmp_path / "modules"))
    with pytest.raises(crds.SchemaError, match="run this again with a network"):
        schemas.ensure({"monitoring.coreos.com"}, tmp_path / "schemas")
    assert ["kubernetes"] == [path.name for path in (tmp_path / "schemas").iterdir()]


def test_a_module_with_another_hash_is_not_used(monkeypatch, tmp_path):
    """What a proxy hands over is held to the hash in the table."""
    source = crds.SOURCES["monitoring.coreos.com"]._replace(sum="h1:another")
    monkeypatch.setitem(crds.SOURCES, "monitoring.coreos.com", source)
    with pytest.raises(crds.SchemaError, match=r"has the hash h1:.+, not h1:another"):
        schemas.ensure({"monitoring.coreos.com"}, tmp_path / "schemas")


def test_schemas_in_the_cache_need_neither_go_nor_network(monkeypatch):
    """After the first time the cache answers."""
    schemas.ensure({"monitoring.coreos.com"})
    monkeypatch.setattr(crds, "find_go", lambda *_: pytest.fail("Go was asked for"))
    assert (schemas.ensure({"monitoring.coreos.com"}) / "monitoring.coreos.com/servicemonitor_v1.json").is_file()


def test_only_the_groups_that_are_used_are_fetched(monkeypatch, tmp_path):
    """A rendering without custom resources downloads nothing."""
    monkeypatch.setattr(crds, "find_go", lambda *_: pytest.fail("Go was asked for"))
    folder = schemas.ensure({"", "apps", "networking.k8s.io"}, tmp_path / "schemas")
    definitions = json.loads((folder / "kubernetes/_definitions.json").read_text())["$defs"]
    assert "io.k8s.api.core.v1.PodSpec" in definitions


def test_an_object_is_judged_once_a_process(monkeypatch):
    """The second time the verdict is known."""
    assert said(CONFIG) is None
    monkeypatch.setattr(schemas, "_run", lambda _: pytest.fail("kubeconform was asked again"))
    assert said(CONFIG) is None
