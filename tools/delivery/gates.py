"""What must be green before a promotion. Each gate raises Refused, which says what is red and what to do."""

import re
from collections.abc import Sequence
from pathlib import Path

from pykustomize import KustomizeError
from tools.delivery.cluster import NoAnswer, state_of
from tools.delivery.errors import Refused
from tools.delivery.models import ModelVersion
from tools.delivery.repository import GitRepository, short


def need_verified(environment: str, commit: str, verified_by: str | None) -> str:
    """See that a commit was verified in an environment.

    Args:
        environment: where it has to run now, if a cluster is asked.
        commit: what the images were built from.
        verified_by: address of the CI run that verified it, when no cluster is to be asked.
    Returns: a sentence that says who verified it. Raises: Refused.
    """
    if verified_by is not None:
        if not re.fullmatch(r"https?://\S+", verified_by):
            raise Refused(f"--verified-by is to be the address of a run that people can look at, not {verified_by!r}")
        return f"{short(commit)} was verified in `{environment}` by {verified_by}, which was not asked again."
    try:
        state = state_of(environment)
    except NoAnswer as error:
        raise Refused(
            f"nothing shows that {short(commit)} was verified in {environment}: {error}. "
            "Choose its cluster with kubectl config use-context, or name the CI run: --verified-by URL."
        ) from error
    if state.revision != commit:
        raise Refused(
            f"{environment} runs {short(state.revision) or 'nothing'}, not {short(commit)}: push that there first, "
            f"or promote what runs: --commit {short(state.revision)}"
        )
    if not state.good:
        raise Refused(f"{environment} is {state.sync} and {state.health}; verified: {state.verified}. Mend it first.")
    return f"{short(commit)} is Synced, Healthy and verified in `{environment}`, as its cluster says."


def need_good_manifests(tree: Path) -> str:
    """Judge the overlays by every rule of tools.manifests. Returns: a sentence. Raises: Refused."""
    from tools.manifests.__main__ import judge, lines_of
    from tools.manifests.crds import SchemaError
    from tools.manifests.model import Repository
    from tools.manifests.rendering import ENVIRONMENTS, render
    from tools.manifests.rules import rules

    try:
        repository = Repository(tree, tuple(render(environment, tree=tree) for environment in ENVIRONMENTS))
        known = list(rules())
        lines = lines_of(judge(repository, known))
    except (KustomizeError, SchemaError) as error:
        raise Refused(f"the manifests cannot be judged: {error}") from error
    if lines:
        raise Refused("the manifests break rules (make lint):\n" + "\n".join(f"  {line}" for line in lines))
    return f"The manifests break none of {len(known)} rules."


def need_new_numbers(old: Sequence[ModelVersion], new: Sequence[ModelVersion]) -> None:
    """Raise Refused for a version that is another one than was promoted under its number."""
    known = {(one.name, one.version): one.identity for one in old}
    for one in new:
        if known.get((one.name, one.version), one.identity) != one.identity:
            raise Refused(
                f"{one.name} version {one.version} is not what was promoted under that number: export it as "
                f"version {one.version + 1}. A version never changes, or nobody could tell what runs."
            )


def need_ancestor(repository: GitRepository, commit: str) -> None:
    """Raise Refused where the branch that is checked out does not hold a commit."""
    if repository.attempt("merge-base", "--is-ancestor", commit, "HEAD").returncode:
        raise Refused(
            f"{short(commit)} is not part of {repository.branch()}: the release would name models that are not in Git"
        )
