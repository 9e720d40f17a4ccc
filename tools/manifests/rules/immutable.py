"""No change that a cluster refuses."""

import functools
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

from pykustomize import KustomizeError
from tools.manifests.immutable import refused_changes
from tools.manifests.kustomization import NAME
from tools.manifests.model import Finding, Manifest, Repository
from tools.manifests.rendering import ROOT, all_components, own_components, render
from tools.manifests.revision import RevisionError, manifests_of
from tools.manifests.rules import repository_rule


@repository_rule("immutable-field")
def immutable_field(repository: Repository) -> Iterator[Finding]:
    """Nothing changes that an API server would refuse to change, against main or else the commit before."""
    for rendering in repository.renderings:
        if len(rendering.components) > 1:
            continue  # what components change, each changes by itself
        for ref in baselines():
            before = deployed(ref, rendering.environment, rendering.components)
            for finding in refused_changes(before, rendering.objects):
                yield replace(finding, where=f"{rendering} against {ref}")


@functools.cache
def baselines() -> tuple[str, ...]:
    """Choose what to compare with, and say on standard error where there is nothing.

    On a branch, main; on main itself what was committed last, for what is being edited, and the commit before, for what
    was committed.
    """
    head = _commit("HEAD")
    main = next((ref for ref in ("origin/main", "main") if _commit(ref) not in {None, head}), None)
    wanted = ("HEAD", main or "HEAD~1")
    usable = tuple(ref for ref in wanted if _reason_against(ref) is None)
    for ref in set(wanted) - set(usable):
        print(f"immutable-field: not compared with {ref}: {_reason_against(ref)}", file=sys.stderr)
    return usable


@functools.cache
def deployed(ref: str, environment: str, components: tuple[str, ...]) -> tuple[Manifest, ...]:
    """Render a revision, with those of the components that it has."""
    with manifests_of(ref) as tree:
        if not (tree / "overlays" / environment / NAME).is_file():
            return ()  # the overlay is new
        had = [name for name in components if name in (*all_components(tree), *own_components(environment, tree))]
        return render(environment, had, tree).objects


@functools.cache
def _reason_against(ref: str) -> str | None:
    try:
        for environment in ("kind", "prod"):
            deployed(ref, environment, ())
    except (RevisionError, KustomizeError) as error:
        return str(error)
    return None


def _commit(ref: str) -> str | None:
    asked = ["git", "-C", str(ROOT), "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}"]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout.strip() or None
