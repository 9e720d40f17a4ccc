"""What Argo CD is told: the fence holds exactly what is deployed, and each rule is seen to break by a mistake."""

import shutil

import pytest

from tests.manifests.argocd_rules import CHECKS, REVISION, Built, filled
from tools.manifests.kustomization import NAME, load, save
from tools.manifests.model import at, name_of
from tools.manifests.rendering import ROOT, build, copy_of

PROJECT, SET = "base/app-project.yaml", "base/application-set.yaml"
PREVIEWS, PREVIEW_SET = "previews/app-project.yaml", "previews/application-set.yaml"
MISTAKES = [
    ("valid", SET, "selfHeal: true", "selfheal: true"),
    ("valid", PROJECT, "sourceRepos:", "sourceRepositories:"),
    ("listed", PROJECT, "    - {group: monitoring.coreos.com, kind: PrometheusRule}\n", ""),
    ("listed", PROJECT, "kind: PodDisruptionBudget}", 'kind: PodDisruptionBudget}\n    - {group: "", kind: Secret}'),
    (
        "listed",
        PROJECT,
        "clusterResourceWhitelist:",
        "clusterResourceWhitelist:\n    - {group: rbac, kind: ClusterRole}",
    ),
    ("listed", PREVIEWS, "    - {group: batch, kind: Job}\n", ""),
    ("described", PROJECT, 'group: "", kind: Service}', 'group: "", kind: "*"}'),
    ("described", PROJECT, "classifiers-kind}", "'*'}"),
    ("described", "root/base/root-app-project.yaml", "  description: ", "  # "),
    ("placed", SET, "    namespace: classifiers-", "    namespace: image-classifiers-"),
    ("placed", SET, "      name: classifiers-", "      name: x-"),
    ("placed", SET, "path: overlays/", "path: base/"),
    ("placed", PROJECT, "namespace: classifiers-kind", "namespace: classifiers-test"),
    ("chosen", "kind/environment.patch.yaml", "environment: kind", "environment: prod"),
    ("chosen", "prod/environment.patch.yaml", "{environment: prod}", "{}"),
    ("strict", SET, "[missingkey=error]", "[missingkey=zero]"),
    ("strict", SET, "{{.about}}", "{{.abuot}}"),
    ("strict", PREVIEW_SET, "  goTemplateOptions: [missingkey=error]\n", ""),
    ("from_one_repository", "root/kind/repository.patch.yaml", "git.git-server", "git.elsewhere"),
    ("from_one_repository", SET, "targetRevision: main", "targetRevision: HEAD"),
    ("synced", SET, "CreateNamespace=false", "CreateNamespace=true"),
    ("synced", SET, "          - PruneLast=true\n", ""),
    ("synced", SET, "RespectIgnoreDifferences=true", "RespectIgnoreDifferences=false"),
    ("synced", SET, "prune: true", "prune: false"),
    ("synced", PREVIEW_SET, "selfHeal: true", "selfHeal: false"),
    ("synced", SET, "          refresh: true", "          refresh: false"),
    ("synced", SET, "limit: 1", "limit: -1"),
    ("autoscaled", SET, "name: model-server,", "name: server,"),
    ("autoscaled", SET, "[/spec/replicas]", "[/spec]"),
    ("marked", SET, "commonAnnotationsEnvsubst: true", "commonAnnotationsEnvsubst: false"),
    ("marked", PREVIEW_SET, "$ARGOCD_APP_REVISION", "$ARGOCD_APP_NAME"),
    ("kept", SET, "create-update", "sync"),
    ("kept", PREVIEW_SET, "      finalizers: [resources-finalizer.argocd.argoproj.io/foreground]", "      # "),
    ("rooted", PROJECT, "argocd.argoproj.io/hook: Skip", "argocd.argoproj.io/hook: PreSync"),
    ("rooted", "root/base/root-app-project.yaml", "kind: ApplicationSet", "kind: Application"),
    ("rooted", "root/prod/repository.patch.yaml", "path: argocd/prod", "path: argocd/kind"),
    ("rooted", "root/base/default-app-project.yaml", "sourceRepos: []", "sourceRepos: ['*']"),
    ("apart", PREVIEWS, "namespace: classifiers-preview-*", "namespace: classifiers-*"),
    ("apart", "prod/namespaces/previews.patch.yaml", "classifiers-preview-*", "classifiers-*"),
    ("apart", "prod/namespaces/prod.patch.yaml", ", name: classifiers-prod", ""),
]


def tree_in(folder):
    shutil.copytree(ROOT / "argocd", folder / "argocd")
    return folder


@pytest.fixture(scope="module")
def sound():
    """The repository as it is."""
    return Built(ROOT)


@pytest.mark.parametrize("check", CHECKS.values(), ids=list(CHECKS))
def test_the_repository_breaks_no_rule(sound, check):
    """What is in Git passes."""
    assert [] == list(check(sound)), check.__doc__


@pytest.mark.parametrize(("check", "file", "right", "wrong"), MISTAKES)
def test_a_mistake_turns_its_rule_red(tmp_path, check, file, right, wrong):
    """Each rule is broken by a mistake, so it looks at what it speaks of."""
    path = tree_in(tmp_path) / "argocd" / file
    text = path.read_text()
    assert right in text
    path.write_text(text.replace(right, wrong, 1))
    assert list(CHECKS[check](Built(tmp_path))), CHECKS[check].__doc__


def test_every_rule_has_a_mistake():
    """A rule that nothing was seen to break is no rule."""
    assert set(CHECKS) == {check for check, *_ in MISTAKES}


def test_a_preview_is_a_namespace_of_its_own(sound):
    """Two previews share nothing: one namespace each, no port of the node, the images of their commits."""
    (found,) = [one for _, one in sound.of_kind("ApplicationSet", "prod") if "previews" in name_of(one)]
    values = {"number": "12", "head_sha": "f" * 40, "branch": "b", "head_short_sha": "f" * 8}
    spec = filled(found["spec"]["template"], values)["spec"]
    options = spec["source"]["kustomize"]
    tree = copy_of(ROOT)
    overlay = tree / spec["source"]["path"]
    # As Argo CD does it: `kustomize edit set namespace`, `set image`, `add patch`, `add annotation`.
    kustomization = load(overlay / NAME)
    images = dict(one.split("=") for one in options["images"])
    kustomization["namespace"] = options["namespace"]
    kustomization["images"] = [
        dict(zip(("name", "newName", "newTag"), (name, *image.rsplit(":", 1)), strict=True))
        for name, image in images.items()
    ]
    kustomization["patches"] += options["patches"]
    kustomization["commonAnnotations"] = options["commonAnnotations"]
    save(overlay / NAME, kustomization)
    objects = build(overlay)
    assert {"classifiers-preview-12"} == {one["metadata"].get("namespace", one["metadata"]["name"]) for one in objects}
    assert spec["destination"]["namespace"] == "classifiers-preview-12"
    assert "nodePort" not in str(objects)
    assert {"ClusterIP"} == {
        at(one, "spec", "type", default="ClusterIP") for one in objects if one["kind"] == "Service"
    }
    (job,) = [one for one in objects if one["kind"] == "Job"]
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert images["gateway"] == container["image"]
    assert {"name": "GATEWAY_IMAGE", "value": images["gateway"]} in container["env"]
    assert all(REVISION.items() <= one["metadata"]["annotations"].items() for one in objects)
