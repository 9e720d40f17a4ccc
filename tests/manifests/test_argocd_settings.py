"""Argo CD itself: the pinned release builds with the settings, and every setting is one that it knows."""

import re
import shutil

import pytest
import yaml

from tools.manifests import crds, schemas
from tools.manifests.kustomization import NAME, load, save
from tools.manifests.model import at
from tools.manifests.rendering import ENVIRONMENTS, ROOT, build

SOURCE = crds.SOURCES["argoproj.io"]
RELEASE = f"https://raw.githubusercontent.com/argoproj/argo-cd/{SOURCE.version}/manifests/install.yaml"


def install(tree):
    """Build argocd/install of a tree, with the release's file as the Go module has it in the place of its address."""
    folder = tree / "argocd/install"
    kustomization = load(folder / NAME)
    at_web = [one for one in kustomization["resources"] if "://" in one]
    assert [RELEASE] == at_web, "the version of argocd/install is the one that the schemas are of"
    shutil.copy(schemas.ensure({"argoproj.io"}) / "argoproj.io/install.yaml", folder / "install.yaml")
    kustomization["components"].append("../commit-status")  # as people switch it on
    kustomization["resources"] = [one for one in kustomization["resources"] if one not in at_web] + ["install.yaml"]
    save(folder / NAME, kustomization)
    return build(folder)


def copied(folder):
    shutil.copytree(ROOT / "argocd", folder / "argocd")
    return folder


def data(objects, name):
    (found,) = [one for one in objects if one["kind"] == "ConfigMap" and one["metadata"]["name"] == name]
    return found["data"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The install as it is."""
    return install(copied(tmp_path_factory.mktemp("argocd")))


def parameters(objects):
    """Every parameter is read by one of Argo CD's programs, which ignore what they do not know."""
    read = {
        reference["key"]
        for one in objects
        for container in at(one, "spec", "template", "spec", "containers", default=())
        for variable in container.get("env", ())
        if (reference := at(variable, "valueFrom", "configMapKeyRef", default={}))
    }
    yield from sorted(data(objects, "argocd-cmd-params-cm").keys() - read)
    yield from sorted({"timeout.reconciliation", "timeout.reconciliation.jitter"} - read)


def notified(objects):
    """Triggers send templates and use services that are there, and claim success only for a whole sync."""
    settings = data(objects, "argocd-notifications-cm")
    services = {key.removeprefix("service.") for key in settings if key.startswith("service.")}
    context = yaml.safe_load(settings["context"])
    yield from {name for text in settings.values() for name in re.findall(r"\.context\.(\w+)", text)} - context.keys()
    for key, text in settings.items():
        conditions = yaml.safe_load(text) if key.startswith("trigger.") else ()
        for one in conditions:
            for template in one["send"]:
                sent = yaml.safe_load(settings.get(f"template.{template}", "{}"))
                if not services & sent.keys():
                    yield f"{key} sends {template}"
                elif sent["github"]["status"]["state"] == "success" and not (
                    "== 'Succeeded'" in one["when"] and "sync?.resources == nil" in one["when"]
                ):
                    yield f"{key} claims success without a proof"


def subscribed(tree):
    """Applications of prod subscribe to a trigger and a service that are there; kind's Git server has no statuses."""
    settings = yaml.safe_load((tree / "argocd/commit-status/notifications.patch.yaml").read_text())["data"]
    for environment in ENVIRONMENTS:
        for one in build(tree / "argocd" / environment):
            notes = at(one, "spec", "template", "metadata", "annotations", default={})
            said = [re.fullmatch(r"notifications\.argoproj\.io/subscribe\.([\w-]+)\.(\w+)", note) for note in notes]
            known = [each for each in said if each and {f"trigger.{each[1]}", f"service.{each[2]}"} <= settings.keys()]
            if one["kind"] == "ApplicationSet" and len(known) != (environment == "prod"):
                yield f"{environment}: {one['metadata']['name']}"


def test_the_release_is_whole_and_in_its_namespace(installed):
    """All of the release is there, with a Namespace before it, and nothing outside the namespace argocd."""
    kinds = [one["kind"] for one in installed]
    assert kinds.count("Namespace") == 1
    assert kinds.count("CustomResourceDefinition") == len(SOURCE.files)
    assert {"argocd"} == {one["metadata"].get("namespace", "argocd") for one in installed}
    images = set(re.findall(r"argoproj/argocd:[\w.]+", str(installed)))
    assert {f"argoproj/argocd:{SOURCE.version}"} == images


def test_settings_are_added_to_what_the_release_sets(installed):
    """The release's own values stay: a Component that replaced the ConfigMap would lose them."""
    found = data(installed, "argocd-cm")
    assert {"resource.exclusions", "timeout.reconciliation", "application.links"} <= found.keys()
    links = yaml.safe_load(found["application.links"])
    assert all({"title", "description", "url"} <= link.keys() for link in links)


def test_settings_are_known(installed):
    """No setting is one that Argo CD ignores, and no notification leads nowhere."""
    assert [] == [*parameters(installed), *notified(installed), *subscribed(ROOT)]


@pytest.mark.parametrize(
    ("check", "file", "right", "wrong"),
    [
        (parameters, "settings/parameters.patch.yaml", "controller.sync.timeout.seconds", "controller.sync.timeout"),
        (parameters, "settings/parameters.patch.yaml", "reposerver.enable.git", "repo.server.enable.git"),
        (notified, "commit-status/notifications.patch.yaml", "send: [commit-failed]", "send: [commit-fail]"),
        (notified, "commit-status/notifications.patch.yaml", "service.github:", "service.gitlab:"),
        (notified, "commit-status/notifications.patch.yaml", "sync?.resources == nil", "sync != nil"),
        (notified, "commit-status/notifications.patch.yaml", "phase == 'Succeeded'", "phase == 'Running'"),
        (notified, "install/address.patch.yaml", "argocdUrl", "url"),
        (subscribed, "prod/commit-status.patch.yaml", "commit-status.github", "commit-state.github"),
    ],
)
def test_a_mistake_is_seen(tmp_path, check, file, right, wrong):
    """Each check is broken by a mistake."""
    tree = copied(tmp_path)
    path = tree / "argocd" / file
    text = path.read_text()
    assert right in text
    path.write_text(text.replace(right, wrong, 1))
    assert list(check(tree if check is subscribed else install(tree))), check.__doc__


def test_no_secret_is_in_git():
    """What lets Argo CD speak to GitHub is named, and is not here."""
    for path in sorted((ROOT / "argocd").rglob("*.yaml")):
        text = path.read_text()
        assert "kind: Secret" not in text, path
        assert not re.search(r"PRIVATE KEY|ghp_|github_pat_", text), path


def test_the_page_names_what_is_there():
    """docs/argocd.md names every folder of argocd/, and every key and Secret that people have to make."""
    page = (ROOT / "docs/argocd.md").read_text()
    folders = {path.parent.relative_to(ROOT) for path in (ROOT / "argocd").rglob(NAME)}
    assert [] == [str(each) for each in sorted(folders) if str(each).removesuffix("/base") not in page]
    settings = (ROOT / "argocd/commit-status/notifications.patch.yaml").read_text()
    assert [] == [key for key in re.findall(r"\$(github-[\w-]+)", settings) if key not in page]
    assert "github-token" in page
    assert [] == [
        path for path in re.findall(r"`((?:argocd|docs|overlays|tools)/[\w./-]+)`", page) if not (ROOT / path).exists()
    ]
