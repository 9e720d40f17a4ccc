"""Take the last promotion back: `git revert`, which Argo CD follows as it follows any commit."""

from dataclasses import dataclass

from tools.delivery.errors import Refused
from tools.delivery.history import ROLLED_BACK, Promotion, last_promotion
from tools.delivery.release import file_of, read_release
from tools.delivery.repository import GitRepository, short, shortened


@dataclass(frozen=True)
class Rollback:
    """A rollback. Args: commit: that does it; promotion: that it took back; restored: the digests from before."""

    commit: str
    promotion: Promotion
    restored: dict[str, str]


def roll_back(repository: GitRepository, environment: str, reason: str) -> Rollback:
    """Commit the revert of the last promotion on the branch that is checked out.

    Args:
        repository: with a clean working tree.
        environment: whose promotion it is.
        reason: for those who read the history.
    Raises: Refused; branch and working tree are as they were.
    """
    reason = " ".join(reason.split())
    if not reason:
        raise Refused("a rollback needs a reason: the next promotion must not repeat it")
    repository.need_clean()
    last = last_promotion(repository, environment)
    if last is None:
        raise Refused(f"{repository.branch()} holds no promotion to {environment} that could be taken back")
    file = file_of(environment)
    parent = repository.commit(f"{last.commit}^")
    changed = repository.run("diff", "--name-only", "-z", parent, last.commit).split("\0")
    if others := [name for name in changed if name not in ("", file)]:
        raise Refused(
            f"{short(last.commit)} changed more than {file}: {shortened(others)}. Taking it back would undo these too; "
            f"if that is meant: git revert {short(last.commit)}"
        )
    restored = read_release(repository.text(parent, file) or "", file)
    if restored.is_first:
        raise Refused(f"{short(last.commit)} is the first promotion to {environment}: there is nothing to go back to")
    if repository.text("HEAD", file) == repository.text(parent, file):
        raise Refused(f"{file} is as it was before {short(last.commit)} already: somebody took it back by hand")
    _revert(repository, last)
    message = (
        f"Roll {environment} back: {reason}\n\n"
        f"This reverts commit {last.commit}, which promoted {short(last.source)}.\n\n"
        f"{ROLLED_BACK}: {last.commit}\n"
    )
    repository.run("commit", "--amend", "--quiet", "--cleanup=whitespace", "--file=-", text=message)
    return Rollback(repository.commit("HEAD"), last, dict(restored.digests))


def _revert(repository: GitRepository, promotion: Promotion) -> None:
    parents = repository.run("rev-list", "--parents", "-n", "1", promotion.commit).split()[1:]
    mainline = ["-m", "1"] if len(parents) > 1 else []
    done = repository.attempt("revert", "--no-edit", *mainline, promotion.commit)
    if done.returncode == 0:
        return
    conflicts = repository.run("diff", "--name-only", "--diff-filter=U", "-z").split("\0")
    # The tree was clean, so nothing of anybody's is lost; `--abort` is refused where git stopped before it began.
    if repository.attempt("revert", "--abort").returncode:
        repository.run("reset", "--quiet", "--merge", "HEAD")
    named = [name for name in conflicts if name]
    said = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith("hint:")]
    why = (
        f"{shortened(named)} was changed since in the same lines: correct it by hand"
        if named
        else (said or ["git revert failed"])[-1]
    )
    raise Refused(f"{short(promotion.commit)} cannot be taken back: {why}. Nothing was changed.")
