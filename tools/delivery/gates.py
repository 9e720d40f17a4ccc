"""What must be green before a promotion. Each gate raises Refused, which says what is red and what to do."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from pykustomize import KustomizeError
from tools.delivery.cluster import NoAnswer, state_of
from tools.delivery.errors import Refused
from tools.delivery.models import FOLDER, ModelVersion
from tools.delivery.repository import GitRepository, short
from tools.delivery.runs import ask_about

# The skew gate: each engine must give the goldens' probabilities.
SKEW = (sys.executable, "-m", "training", "check")


def need_verified(environment: str, commit: str, verified_by: str | None) -> str:
    """See that a commit was verified in an environment.

    Args:
        environment: where it has to run now, if a cluster is asked.
        commit: what the images were built from.
        verified_by: address of the CI run that verified it, when no cluster is to be asked.
    Returns: a sentence that says who verified it. Raises: Refused.
    """
    if verified_by is not None:
        return f"{short(commit)} was verified in `{environment}` {ask_about(verified_by, commit)}."
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


def need_no_skew(repository: GitRepository, old: Sequence[ModelVersion], new: Sequence[ModelVersion]) -> str:
    """Hold the files of each version that is new to its goldens. Returns: a sentence. Raises: Refused."""
    known = {one.identity for one in old}
    checked = []
    for one in (one for one in new if one.identity not in known):
        folder = f"{FOLDER}/{one.name}/{one.version}"
        if repository.identity("HEAD", folder) != one.identity:
            raise Refused(
                f"{folder} was changed after the images were built: check out that commit to check its models"
            )
        try:
            done = subprocess.run([*SKEW, folder], cwd=repository.tree, capture_output=True, text=True, check=False)
        except OSError as error:
            raise Refused(f"the skew gate cannot be run: {error}") from error
        if done.returncode:
            said = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()] or ["no reason given"]
            raise Refused(f"{one.name} version {one.version} does not pass the skew gate: {said[-1]}")
        checked.append(f"{one.name} {one.version}")
    return f"The skew gate was run again: {', '.join(checked) or 'no version is new'}."


def need_ancestor(repository: GitRepository, commit: str) -> None:
    """Raise Refused where the branch that is checked out does not hold a commit."""
    if repository.attempt("merge-base", "--is-ancestor", commit, "HEAD").returncode:
        raise Refused(
            f"{short(commit)} is not part of {repository.branch()}: the release would name models that are not in Git"
        )
