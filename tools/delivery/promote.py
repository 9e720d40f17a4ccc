"""Promote what was verified in one environment to the next: one file, one commit, one text."""

from collections.abc import Mapping
from dataclasses import dataclass

from pykustomize import KustomizeError, diff
from tools.delivery import gates
from tools.delivery.description import Description
from tools.delivery.errors import Refused
from tools.delivery.history import last_promotion
from tools.delivery.models import LIST, ModelVersion, served
from tools.delivery.release import Release, file_of, read_digests, read_models, read_release, write_release
from tools.delivery.repository import GitRepository, short
from tools.manifests.rendering import copy_of, render


@dataclass(frozen=True)
class Prepared:
    """A promotion that may be made. Args: text: of the release file."""

    description: Description
    file: str
    text: str


def prepare(
    repository: GitRepository,
    source: str,
    target: str,
    digests: Mapping[str, str],
    *,
    commit: str = "HEAD",
    verified_by: str | None = None,
    check_models: bool = False,
) -> Prepared:
    """Pass every gate and work out what a promotion would change. Nothing is changed.

    Args:
        repository: with the manifests of the target.
        source: environment where the commit was verified.
        target: environment that gets it.
        digests: of each image.
        commit: that the images were built from.
        verified_by: see `gates.need_verified`.
        check_models: run the skew gate on new versions once more, which CI did.
    Raises: Refused.
    """
    repository.need_clean()
    file = file_of(target)
    commit = repository.commit(commit)
    gates.need_ancestor(repository, commit)
    before = read_release(_need(repository.text("HEAD", file), f"{file} is not there"), file)
    wanted = read_digests(digests, before.digests)
    listed = read_models(_need(repository.text(commit, LIST), f"{short(commit)} has no {LIST}"), LIST)
    new = served(repository, commit, listed)
    old = _promoted(repository, target, before)
    gates.need_new_numbers(old, new)
    after = Release(wanted, listed)
    if after == before:
        raise Refused(f"{target} has these images and models already: there is nothing to promote")
    try:
        copy = copy_of(repository.tree)
        write_release(copy / file, wanted, listed)
        evidence = [gates.need_verified(source, commit, verified_by), gates.need_good_manifests(copy)]
        if check_models:
            evidence.append(gates.need_no_skew(repository, old, new))
        difference = diff(render(target, tree=repository.tree).objects, render(target, tree=copy).objects)
    except (KustomizeError, OSError) as error:
        raise Refused(f"{target} cannot be rendered: {error}") from error
    description = Description(
        source,
        target,
        commit,
        before,
        after,
        old={one.name: one for one in old},
        new={one.name: one for one in new},
        difference=difference,
        evidence=evidence,
    )
    return Prepared(description, file, (copy / file).read_text(encoding="utf-8"))


def commit_to(repository: GitRepository, branch: str, prepared: Prepared) -> str:
    """Make a branch with one commit on top of HEAD; working tree and branch that is checked out stay as they are.

    Returns: the commit. Raises: Refused.
    """
    if repository.attempt("show-ref", "--verify", "--quiet", f"refs/heads/{branch}").returncode == 0:
        raise Refused(f"there is a branch {branch} already: git branch -D {branch}, or give another --branch")
    blob = repository.run("hash-object", "-w", "--stdin", text=prepared.text).strip()
    root = _with_file(repository, "HEAD", prepared.file.split("/"), blob)
    commit = repository.run("commit-tree", root, "-p", "HEAD", text=prepared.description.message).strip()
    repository.run("branch", branch, commit)
    return commit


def write(repository: GitRepository, prepared: Prepared) -> None:
    """Write the release file into the working tree, for who commits it by other means."""
    (repository.tree / prepared.file).write_text(prepared.text, encoding="utf-8")


def _with_file(repository: GitRepository, tree: str, path: list[str], blob: str) -> str:
    """Make a tree that differs from another one in a file. Returns: its hash."""
    first, rest = path[0], path[1:]
    lines = []
    for line in repository.run("ls-tree", tree).splitlines():
        meta, _, name = line.partition("\t")
        if name == first:
            mode, kind, identity = meta.split()
            identity = _with_file(repository, identity, rest, blob) if rest else blob
            meta = f"{mode} {kind} {identity}"
        lines.append(f"{meta}\t{name}\n")
    return repository.run("mktree", text="".join(lines)).strip()


def _promoted(repository: GitRepository, target: str, before: Release) -> list[ModelVersion]:
    """Give the models of the last promotion that still stands; none before the first one."""
    last = last_promotion(repository, target)
    if last is None or before.is_first:
        return []
    return served(repository, last.source, before.models)


def _need(text: str | None, reason: str) -> str:
    if text is None:
        raise Refused(reason)
    return text
