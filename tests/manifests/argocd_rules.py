"""Rules about what Argo CD is told: each gives what breaks it. test_argocd.py holds the repository to them."""

import functools
import re
from collections.abc import Iterator

from tools.manifests import schemas
from tools.manifests.model import at, name_of
from tools.manifests.rendering import ENVIRONMENTS, build, combinations, render, render_all

SERVER = "https://kubernetes.default.svc"
BUILDS = tuple(f"{level}{environment}" for level in ("", "root/") for environment in ENVIRONMENTS)
REVISION = {"image-classifiers/revision": "$ARGOCD_APP_REVISION"}


class Built:
    """A tree with argocd/ in it, and what its kustomizations build once they are asked for."""

    def __init__(self, tree):
        self.build = functools.cache(lambda name: build(tree / "argocd" / name))

    def of_kind(self, kind, *builds):
        for name in builds or BUILDS:
            yield from ((name, found) for found in self.build(name) if found["kind"] == kind)

    def project(self, name, environment):
        return next(found for _, found in self.of_kind("AppProject", environment) if found["metadata"]["name"] == name)


@functools.cache
def deployed_kinds():
    """The kinds of every rendering that Argo CD deploys: `(group, kind)`, those of the whole cluster apart."""
    wanted = [each for each in combinations() if each.environment in ENVIRONMENTS]
    kinds = {
        (found["apiVersion"].rpartition("/")[0], found["kind"]) for one in render_all(wanted) for found in one.objects
    }
    return {kind for kind in kinds if kind[1] != "Namespace"}, {kind for kind in kinds if kind[1] == "Namespace"}


def applications(built, environment) -> Iterator[tuple[dict, dict]]:
    """Give the elements of the list that a cluster takes, and the Application of each."""
    (found,) = [
        found for _, found in built.of_kind("ApplicationSet", environment) if "list" in found["spec"]["generators"][0]
    ]
    (generator,) = found["spec"]["generators"]
    for element in generator["list"]["elements"]:
        if generator["selector"]["matchLabels"].items() <= element.items():
            yield element, filled(found["spec"]["template"], element)


def filled(template, values):
    """Put values where a Go template names them. Raises: KeyError for a name without a value, as missingkey=error."""
    if isinstance(template, dict):
        return {key: filled(value, values) for key, value in template.items()}
    if isinstance(template, list):
        return [filled(value, values) for value in template]
    if isinstance(template, str):
        return re.sub(r"\{\{\.(\w+)\}\}", lambda name: values[name[1]], template)
    return template


def listed(built):
    """Every kind that is deployed, in an overlay or a component, is in the project's list, and no other."""
    namespaced, cluster = deployed_kinds()
    for environment, project in built.of_kind("AppProject", *ENVIRONMENTS):
        spec = project["spec"]
        if namespaced != {(one["group"], one["kind"]) for one in spec["namespaceResourceWhitelist"]}:
            yield f"{environment} {name_of(project)}: other kinds than those that are deployed"
        if cluster != {(one["group"], one["kind"]) for one in spec["clusterResourceWhitelist"]}:
            yield f"{environment} {name_of(project)}: other kinds of the whole cluster"


def described(built):
    """A project says what it is for, and has no wildcard but in the names of previews' namespaces."""
    for name, project in built.of_kind("AppProject"):
        text = re.sub(r"classifiers-preview-\*", "", str(project["spec"] | {"namespaceResourceBlacklist": []}))
        if len(project["spec"].get("description", "")) < 30 or "*" in text:
            yield f"{name} {name_of(project)}"


def placed(built):
    """An Application goes into the namespace that its overlay renders, is called so, and its project lets it in."""
    for environment in ENVIRONMENTS:
        for element, one in applications(built, environment):
            namespace = one["spec"]["destination"]["namespace"]
            rendering = render(element["environment"])
            rendered = {found["metadata"].get("namespace", found["metadata"]["name"]) for found in rendering.objects}
            if rendered != {namespace} or one["metadata"]["name"] != namespace:
                yield f"{environment}: {namespace} is not the namespace that is rendered, or not the name"
            if one["spec"]["source"]["path"] != f"overlays/{element['environment']}":
                yield f"{environment}: another path than its overlay"
            allowed = built.project(one["spec"]["project"], environment)["spec"]["destinations"]
            if one["spec"]["destination"] not in allowed or one["spec"]["destination"]["server"] != SERVER:
                yield f"{environment}: its project does not let it in"


def chosen(built):
    """A cluster takes its own environment from the list, and no other; the list has them all."""
    for environment in ENVIRONMENTS:
        if [environment] != [element["environment"] for element, _ in applications(built, environment)]:
            yield environment


def strict(built):
    """A value that a template names and nobody gives stops the generator, and there is none."""
    for name, one in built.of_kind("ApplicationSet", *ENVIRONMENTS):
        if one["spec"].get("goTemplate") is not True or one["spec"].get("goTemplateOptions") != ["missingkey=error"]:
            yield f"{name} {name_of(one)}"
    for environment in ENVIRONMENTS:
        try:
            list(applications(built, environment))
        except KeyError as error:
            yield f"{environment}: no element gives {error}"


def from_one_repository(built):
    """Projects, applications and the root application of a cluster name one and the same repository, on one branch."""
    for environment in ENVIRONMENTS:
        found = {
            address
            for name in (environment, f"root/{environment}")
            for one in built.build(name)
            for address in (
                *at(one, "spec", "sourceRepos", default=()),
                *filter(None, [at(one, "spec", "source", "repoURL")]),
                *filter(None, [at(one, "spec", "template", "spec", "source", "repoURL")]),
            )
        }
        if len(found) != 1 or not all("://" in address for address in found):
            yield f"{environment}: {sorted(found)}"
        if any(one["spec"]["source"]["targetRevision"] != "main" for _, one in applications(built, environment)):
            yield f"{environment}: another branch"


def synced(built):
    """Syncs are automatic, prune, heal, follow Git while they are tried again, and have the options with a reason."""
    for _, one in built.of_kind("ApplicationSet", *ENVIRONMENTS):
        policy = one["spec"]["template"]["spec"]["syncPolicy"]
        options = {"CreateNamespace=false", "PruneLast=true", "FailOnSharedResource=true"}
        if one["spec"]["template"]["spec"].get("ignoreDifferences"):
            options |= {"RespectIgnoreDifferences=true"}
        if policy["automated"] != {"prune": True, "selfHeal": True}:
            yield f"{name_of(one)}: automated"
        if not 1 <= policy["retry"]["limit"] <= 2 or policy["retry"].get("refresh") is not True:
            yield f"{name_of(one)}: retry"
        if options != set(policy["syncOptions"]):
            yield f"{name_of(one)}: options"


def autoscaled(built):
    """The number of pods is left alone where an autoscaler owns it, and nothing else is."""
    owned = {
        (one["spec"]["scaleTargetRef"]["kind"], one["spec"]["scaleTargetRef"]["name"])
        for rendering in render_all()
        for one in rendering.of_kind("HorizontalPodAutoscaler")
    }
    for environment in ENVIRONMENTS:
        for _, one in applications(built, environment):
            ignored = one["spec"].get("ignoreDifferences", ())
            if owned != {(each["kind"], each["name"]) for each in ignored}:
                yield f"{environment}: others than autoscalers own"
            if any(each["jsonPointers"] != ["/spec/replicas"] for each in ignored):
                yield f"{environment}: more than replicas"


def marked(built):
    """Every object gets the commit as an annotation, with the variable's value in the place of its name."""
    for _, one in built.of_kind("ApplicationSet", *ENVIRONMENTS):
        options = one["spec"]["template"]["spec"]["source"]["kustomize"]
        if options.get("commonAnnotations") != REVISION or options.get("commonAnnotationsEnvsubst") is not True:
            yield name_of(one)


def kept(built):
    """No mistake in the list takes an environment away; previews go; who deletes an Application deletes its objects."""
    for _, one in built.of_kind("ApplicationSet", *ENVIRONMENTS):
        policy = at(one, "spec", "syncPolicy", "applicationsSync", default="sync")
        if policy != ("sync" if "previews" in name_of(one) else "create-update"):
            yield f"{name_of(one)}: {policy}"
        if one["spec"]["template"]["metadata"].get("finalizers") != [
            "resources-finalizer.argocd.argoproj.io/foreground"
        ]:
            yield f"{name_of(one)}: finalizer"


def rooted(built):
    """The root application writes the lists of its cluster, which its project allows, and moves no fence."""
    for environment in ENVIRONMENTS:
        ((_, root),) = built.of_kind("Application", f"root/{environment}")
        projects = {found["metadata"]["name"]: found for _, found in built.of_kind("AppProject", f"root/{environment}")}
        allowed = {one["kind"] for one in projects["root"]["spec"]["namespaceResourceWhitelist"]}
        if root["spec"]["project"] != "root" or root["spec"]["source"]["path"] != f"argocd/{environment}":
            yield f"{environment}: another project or folder"
        for found in built.build(environment):
            skipped = at(found, "metadata", "annotations", "argocd.argoproj.io/hook") == "Skip"
            if skipped != (found["kind"] == "AppProject") or skipped == (found["kind"] in allowed):
                yield f"{environment}: {name_of(found)}"
        closed = projects["default"]["spec"]
        if closed["destinations"] or closed["sourceRepos"] or not closed["namespaceResourceBlacklist"]:
            yield f"{environment}: a list from Git could use the project `default`"


def apart(built):
    """A preview's project lets it into previews' namespaces only, by every name that it can have."""
    spec = built.project("image-classifiers-previews", "prod")["spec"]
    if [{"server": SERVER, "namespace": "classifiers-preview-*"}] != spec["destinations"]:
        yield "destinations"
    if ["classifiers-preview-*"] != [one.get("name") for one in spec["clusterResourceWhitelist"]]:
        yield "namespaces"
    own = built.project("image-classifiers", "prod")["spec"]["clusterResourceWhitelist"]
    if ["classifiers-prod"] != [one.get("name") for one in own]:
        yield "namespaces of prod"


def valid(built):
    """Every object is valid by the definitions of the pinned Argo CD, which know each field."""
    yield from schemas.validate(found for name in BUILDS for found in built.build(name)).values()


CHECKS = {
    check.__name__: check
    for check in (
        valid, listed, described, placed, chosen, strict, from_one_repository, synced, autoscaled, marked, kept, rooted,
        apart,
    )
}  # fmt: skip
