"""Rules about files: small, one object each, called after what is in them, and none forgotten."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tools.manifests.kustomization import NAME, load
from tools.manifests.model import Finding, Repository, at
from tools.manifests.rules import repository_rule
from tools.manifests.rules.configuration import WATCHED

_FOLDERS = ("base", "overlays", "components", "argocd")
_OVERLAY_LINES = 30
_KUSTOMIZATION_LINES = 25
_PATCH = ".patch.yaml"
# What Kustomize itself gave up, and `commonLabels`, which changes selectors.
_OLD_FIELDS = ("bases", "commonLabels", "patchesJson6902", "patchesStrategicMerge", "vars", "imageTags")
# A field of a kustomization that names files, and where in an entry the name is.
_NAMING: dict[str, tuple[str, ...]] = {
    "resources": (),
    "components": (),
    "configurations": (),
    "patches": ("path",),
    "replacements": ("path",),
}


@repository_rule("overlay-file-size")
def overlay_file_size(repository: Repository) -> Iterator[Finding]:
    """A file of an overlay is under 30 lines: an overlay says what differs, and no more."""
    for path in _files(repository.tree, "*"):
        if path.is_relative_to(repository.tree / "overlays") and _lines(path) >= _OVERLAY_LINES:
            yield _about(repository, path, f"has {_lines(path)} lines, {_OVERLAY_LINES} or more")


@repository_rule("kustomization-size")
def kustomization_size(repository: Repository) -> Iterator[Finding]:
    """A kustomization is under 25 lines."""
    for path in _files(repository.tree):
        if path.name == NAME and _lines(path) >= _KUSTOMIZATION_LINES:
            yield _about(repository, path, f"has {_lines(path)} lines, {_KUSTOMIZATION_LINES} or more")


@repository_rule("file-extension")
def file_extension(repository: Repository) -> Iterator[Finding]:
    """A YAML file ends in .yaml."""
    for path in _files(repository.tree, "*.yml"):
        yield _about(repository, path, "ends in .yml")


@repository_rule("one-object-a-file")
def one_object_a_file(repository: Repository) -> Iterator[Finding]:
    """A file holds one object."""
    for path, documents in _objects(repository.tree):
        if len(documents) != 1:
            yield _about(repository, path, f"holds {len(documents)} objects")


@repository_rule("file-name")
def file_name(repository: Repository) -> Iterator[Finding]:
    """A file is called after its object's kind: service.yaml; beside another of the kind after its name too."""
    for path, documents in _objects(repository.tree):
        kind = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", str(at(documents[0], "kind"))).lower() if documents else ""
        if kind and path.stem not in (kind, f"{at(documents[0], 'metadata', 'name')}-{kind}"):
            yield _about(repository, path, f"holds a {documents[0]['kind']}, so it is {kind}.yaml")


@repository_rule("patch-name")
def patch_name(repository: Repository) -> Iterator[Finding]:
    """A patch is a file of its own, called WHAT-CHANGES.patch.yaml."""
    for path, kustomization in _kustomizations(repository.tree):
        for patch in kustomization.get("patches", ()):
            if not patch.get("path", "").endswith(_PATCH):
                yield _about(repository, path, f"has the patch {patch.get('path', 'in place')}, no *{_PATCH}")


@repository_rule("kustomization-fields")
def kustomization_fields(repository: Repository) -> Iterator[Finding]:
    """No kustomization has a field that Kustomize gave up, nor one that changes selectors."""
    for path, kustomization in _kustomizations(repository.tree):
        for field in kustomization.keys() & set(_OLD_FIELDS):
            yield _about(repository, path, f"has {field}")
        if any(entry.get("includeSelectors") for entry in kustomization.get("labels", ())):
            yield _about(repository, path, "puts its labels into selectors, which cannot be changed later")


@repository_rule("hash-suffix")
def hash_suffix(repository: Repository) -> Iterator[Finding]:
    """No kustomization switches the hash in the names of generated ConfigMaps off, unless no pod reads them."""
    for path, kustomization in _kustomizations(repository.tree):
        generators = [each.get("options") for each in kustomization.get("configMapGenerator", ())]
        read = [each for each in generators if not at(each, "labels", WATCHED)]
        if any(at(each, "disableNameSuffixHash") for each in (kustomization.get("generatorOptions"), *read)):
            yield _about(repository, path, "has disableNameSuffixHash")


@repository_rule("used-file")
def used_file(repository: Repository) -> Iterator[Finding]:
    """Every YAML file is named by the kustomization beside it; one that is forgotten is never applied."""
    named = {
        path.parent / name
        for path, kustomization in _kustomizations(repository.tree)
        for name in (*_named(kustomization), *_generated_from(kustomization))
    }
    for path in _files(repository.tree):
        if path.name != NAME and path not in named and path.parent / NAME in set(_files(repository.tree)):
            yield _about(repository, path, f"is not in {NAME}")


@repository_rule("component-readme")
def component_readme(repository: Repository) -> Iterator[Finding]:
    """Every component has a README.md that says what it is for and how to add it."""
    for path in sorted((repository.tree / "components").glob(f"*/{NAME}")):
        readme, line = path.with_name("README.md"), f"- ../../components/{path.parent.name}"
        if not readme.is_file() or line not in readme.read_text(encoding="utf-8"):
            yield _about(repository, readme, f"does not say how to add it to an overlay: {line}")


def _about(repository: Repository, path: Path, message: str) -> Finding:
    return Finding(str(path.relative_to(repository.tree)), message)


def _files(tree: Path, pattern: str = "*.yaml") -> list[Path]:
    return sorted(path for folder in _FOLDERS for path in (tree / folder).rglob(pattern) if path.is_file())


def _lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def _kustomizations(tree: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    return ((path, load(path)) for path in _files(tree) if path.name == NAME)


def _named(kustomization: dict[str, Any]) -> Iterator[str]:
    for field, where in _NAMING.items():
        for entry in kustomization.get(field, ()):
            yield at(entry, *where, default="") if where else entry


def _generated_from(kustomization: dict[str, Any]) -> Iterator[str]:
    for generator in kustomization.get("configMapGenerator", ()):
        for entry in (*generator.get("files", ()), *generator.get("envs", ())):
            yield entry.rpartition("=")[2]


def _objects(tree: Path) -> Iterator[tuple[Path, list[Any]]]:
    for path in _files(tree):
        if path.name != NAME and not path.name.endswith(_PATCH):
            documents = [each for each in yaml.load_all(path.read_bytes(), yaml.CSafeLoader) if each]
            if not documents or at(documents[0], "apiVersion"):
                yield path, documents
