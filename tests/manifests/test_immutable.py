"""Changes that an API server refuses are told from those that it takes."""

import subprocess

import pytest

from tools.manifests.immutable import refused_changes
from tools.manifests.rules import immutable as rule


def made(kind, spec=None, api="v1", **more):
    metadata = {"name": "it", "namespace": "here", **more.pop("metadata", {})}
    return {
        "apiVersion": api,
        "kind": kind,
        "metadata": metadata,
        **({"spec": spec} if spec is not None else {}),
        **more,
    }


def job(image, **said):
    annotations = {f"argocd.argoproj.io/{key.replace('_', '-')}": value for key, value in said.items()}
    return made("Job", {"template": {"image": image}}, "batch/v1", metadata={"annotations": annotations})


def claim(size, mode="ReadWriteOnce"):
    return made("PersistentVolumeClaim", {"accessModes": [mode], "resources": {"requests": {"storage": size}}})


REFUSED = {
    "Deployment's selector": (
        made("Deployment", {"selector": {"a": "1"}}, "apps/v1"),
        made("Deployment", {"selector": {"a": "2"}}, "apps/v1"),
        "spec.selector",
    ),
    "headless to not": (made("Service", {"clusterIP": "None"}), made("Service", {}), "spec.clusterIP"),
    "not to headless": (made("Service", {}), made("Service", {"clusterIP": "None"}), "spec.clusterIP"),
    "Job's template": (job("a"), job("b"), "spec.template"),
    "hook that is kept when the next one comes": (
        job("a", hook="PostSync", hook_delete_policy="HookSucceeded"),
        job("b", hook="PostSync", hook_delete_policy="HookSucceeded"),
        "spec.template",
    ),
    "claim's mode": (claim("1Gi"), claim("1Gi", "ReadWriteMany"), "spec.accessModes"),
    "smaller claim": (claim("1Gi"), claim("1G"), "shrink"),
    "StatefulSet's claims": (
        made("StatefulSet", {"volumeClaimTemplates": [1]}, "apps/v1"),
        made("StatefulSet", {"volumeClaimTemplates": [2]}, "apps/v1"),
        "spec.volumeClaimTemplates",
    ),
    "StatefulSet's new field": (
        made("StatefulSet", {}, "apps/v1"),
        made("StatefulSet", {"serviceName": "it"}, "apps/v1"),
        "spec.serviceName",
    ),
    "immutable ConfigMap": (
        made("ConfigMap", immutable=True, data={"a": "1"}),
        made("ConfigMap", immutable=True, data={"a": "2"}),
        "data",
    ),
    "ConfigMap that was immutable": (made("ConfigMap", immutable=True), made("ConfigMap"), "immutable"),
    "role of a binding": (
        made("RoleBinding", roleRef={"name": "a"}, api="rbac.authorization.k8s.io/v1"),
        made("RoleBinding", roleRef={"name": "b"}, api="rbac.authorization.k8s.io/v1"),
        "roleRef",
    ),
    "Namespace that is gone": (made("Namespace"), made("Service", {}), "deleted"),
    "claim that is gone": (claim("1Gi"), made("Service", {}), "deleted"),
}
TAKEN = {
    "same": (
        made("Deployment", {"selector": {"a": "1"}}, "apps/v1"),
        made("Deployment", {"selector": {"a": "1"}}, "apps/v1"),
    ),
    "Deployment's template": (
        made("Deployment", {"selector": {}, "template": 1}, "apps/v1"),
        made("Deployment", {"selector": {}, "template": 2}, "apps/v1"),
    ),
    "Service's selector and type": (
        made("Service", {"selector": {"a": "1"}}),
        made("Service", {"selector": {"a": "2"}, "type": "NodePort"}),
    ),
    "address that is no longer said": (made("Service", {"clusterIP": "10.96.0.9"}), made("Service", {})),
    "hook that is made anew": (
        job("a", hook="PostSync", hook_delete_policy="BeforeHookCreation"),
        job("b", hook="PostSync", hook_delete_policy="BeforeHookCreation"),
    ),
    "hook without a policy, which is made anew too": (job("a", hook="PostSync"), job("b", hook="PostSync")),
    "replaced": (job("a", sync_options="Force=true,Replace=true"), job("b", sync_options="Force=true,Replace=true")),
    "larger claim": (claim("1G"), claim("1Gi")),
    "StatefulSet's template": (
        made("StatefulSet", {"template": 1}, "apps/v1"),
        made("StatefulSet", {"template": 2}, "apps/v1"),
    ),
    "ConfigMap": (made("ConfigMap", data={"a": "1"}), made("ConfigMap", data={"a": "2"})),
    "ConfigMap that becomes immutable": (made("ConfigMap"), made("ConfigMap", immutable=True)),
    "Deployment of another name": (
        made("Deployment", {"selector": {"a": "1"}}, "apps/v1"),
        made("Deployment", {"selector": {"a": "2"}}, "apps/v1", metadata={"name": "other"}),
    ),
}


@pytest.mark.parametrize(("before", "after", "said"), REFUSED.values(), ids=REFUSED)
def test_a_change_that_is_refused_is_found(before, after, said):
    """What an API server would refuse, or what would delete data, is told with the field."""
    (finding,) = refused_changes([before], [after])
    assert said in finding.message


@pytest.mark.parametrize(("before", "after"), TAKEN.values(), ids=TAKEN)
def test_a_change_that_is_taken_is_not_found(before, after):
    """What an API server takes, or what is another object, is no finding."""
    assert [] == list(refused_changes([before], [after]))


@pytest.fixture
def fresh():
    """Nothing known of revisions, before and after."""
    known = (rule.baselines, rule.deployed, rule._reason_against)
    for function in known:
        function.cache_clear()
    yield
    for function in known:
        function.cache_clear()


def test_a_revision_that_is_not_there_is_told(fresh, monkeypatch, capsys, tmp_path):
    """A clone of one commit has nothing to compare with, and the rule says so instead of passing in silence."""
    monkeypatch.setattr(rule, "ROOT", tmp_path)
    monkeypatch.setattr(rule, "_reason_against", lambda ref: f"{ref} is not here")
    assert () == rule.baselines()
    assert "not compared with HEAD~1: HEAD~1 is not here" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("branch", "expected"), [("main", ("HEAD", "HEAD~1")), ("change", ("HEAD", "main"))], ids=["on main", "on a branch"]
)
def test_a_branch_is_compared_with_main_and_main_with_its_past(fresh, monkeypatch, tmp_path, branch, expected):
    """On a branch the baseline is main; on main it is the commit before."""
    author = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    for command in (["init", "-q", "-b", "main"], *[[*author, "commit", "-q", "--allow-empty", "-m", "a"]] * 2):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    if branch != "main":
        subprocess.run(["git", "switch", "-q", "-c", branch], cwd=tmp_path, check=True)
        subprocess.run(["git", *author, "commit", "-q", "--allow-empty", "-m", "b"], cwd=tmp_path, check=True)
    monkeypatch.setattr(rule, "ROOT", tmp_path)
    monkeypatch.setattr(rule, "_reason_against", lambda _: None)
    assert expected == rule.baselines()
