"""Comparing builds."""

from pykustomize import Difference, diff


def configmap(name, namespace="a", **data):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}, "data": data}


def test_equal_builds_have_no_difference():
    """Order of objects and of keys does not count."""
    one, two = configmap("one", x="1"), configmap("two")
    difference = diff([one, two], [two, dict(reversed(one.items()))])
    assert not difference
    assert Difference() == difference
    assert "" == str(difference)
    assert "no difference" == difference.summary


def test_added_removed_and_changed_are_told_apart():
    """Objects are matched by apiVersion, kind, namespace and name."""
    before = [configmap("same"), configmap("gone"), configmap("other", x="1"), configmap("same", "b")]
    after = [configmap("same"), configmap("new"), configmap("other", x="2"), configmap("same", "c")]
    difference = diff(before, after)
    assert ["ConfigMap/new (a)", "ConfigMap/same (c)"] == [str(change.key) for change in difference.added]
    assert ["ConfigMap/gone (a)", "ConfigMap/same (b)"] == [str(change.key) for change in difference.removed]
    assert ["ConfigMap/other (a)"] == [str(change.key) for change in difference.changed]
    assert "2 removed, 2 added, 1 changed" == difference.summary
    assert ["removed", "removed", "added", "added", "changed"] == [change.verb for change in difference]


def test_a_change_reads_as_a_unified_diff():
    """Text of several lines is compared by line."""
    difference = diff([configmap("c", f="one\ntwo\nthree\n")], [configmap("c", f="one\n2\nthree\n")])
    lines = str(difference).splitlines()
    assert ["--- ConfigMap/c (a)", "+++ ConfigMap/c (a)"] == lines[:2]
    assert ["-    two", "+    2"] == [line for line in lines[2:] if line[0] in "+-"]
    assert "+++ /dev/null" in str(diff([configmap("c")], [])).splitlines()


def test_a_generated_object_with_new_contents_is_a_change():
    """The hash in the name of a ConfigMap or Secret does not make it another object."""
    difference = diff([configmap("s-2c9f6hkmtb", x="1")], [configmap("s-9c9f6hkmtb", x="2")])
    assert "1 changed" == difference.summary
    assert "ConfigMap/s (a)" == str(difference.changed[0].key)
    assert "-  name: s-2c9f6hkmtb" in str(difference)


def test_what_only_looks_like_a_hash_is_a_name():
    """Other kinds keep their names, and so do two ConfigMaps that would share one."""
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "s-2c9f6hkmtb"}}
    assert "ConfigMap/s-1234567890 (a)" == str(diff([configmap("s-1234567890")], []).removed[0].key)
    assert "Pod/s-2c9f6hkmtb" == str(diff([pod], []).removed[0].key)
    two = [configmap("s-2c9f6hkmtb"), configmap("s-9c9f6hkmtb")]
    assert "1 removed" == diff(two, two[1:]).summary


def test_types_count():
    """For Kubernetes 1 is not true, though for Python it is."""
    assert "1 changed" == diff([configmap("c", x=1)], [configmap("c", x=True)]).summary


def test_the_hash_is_that_of_kustomize(kustomize, tmp_path):
    """Two builds of a generator with different contents are one change."""
    builds = []
    for value in range(30):
        (tmp_path / "kustomization.yaml").write_text(f"configMapGenerator: [{{name: s, literals: [x={value}]}}]\n")
        builds.append(kustomize.build(tmp_path))
    assert 30 == len({build[0]["metadata"]["name"] for build in builds})
    assert {"1 changed"} == {diff(builds[0], other).summary for other in builds[1:]}
