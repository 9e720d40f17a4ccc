"""A rollback reverts the last promotion that still stands, or is refused and leaves all as it was."""

import pytest

from tests.unit.tools.delivery.conftest import ONE, RELEASE, TWO

THREE = {"gateway": f"sha256:{'e' * 64}", "model-server": f"sha256:{'f' * 64}"}


def roll_back(sandbox, reason="too many wrong answers"):
    return sandbox.run("rollback", "prod", "--reason", reason)


def test_the_last_promotion_is_reverted(sandbox):
    """File, reason and trailer: what was there before is back, whatever else was committed since."""
    sandbox.promoted(ONE)
    before = sandbox.text()
    second = sandbox.promoted(TWO)
    sandbox.write("base/gateway/settings.env", sandbox.text("base/gateway/settings.env") + "# later\n")
    sandbox.commit("later")
    status, out, said = roll_back(sandbox)
    assert 0 == status, said
    assert before == sandbox.text()
    assert sandbox.text("base/gateway/settings.env").endswith("# later\n")
    assert RELEASE == sandbox.git("diff", "--name-only", "HEAD^", "HEAD")
    message = sandbox.git("log", "-1", "--format=%B")
    assert message.startswith("Roll prod back: too many wrong answers\n\nThis reverts commit")
    assert message.endswith(f"\n\nRolled-Back: {second}")
    assert f"gateway is {ONE['gateway']} again" in out
    assert "" == sandbox.git("status", "--porcelain")


def test_rollbacks_go_back_one_by_one(sandbox):
    """A promotion that was taken back is not the last one any more, so the next rollback takes the one before it."""
    for digests in (ONE, TWO, THREE):
        sandbox.promoted(digests)
    assert 0 == roll_back(sandbox)[0]
    assert TWO["gateway"] in sandbox.text()
    assert 0 == roll_back(sandbox)[0]
    assert ONE["gateway"] in sandbox.text()
    status, _, said = roll_back(sandbox)
    assert (1, True) == (status, "is the first promotion to prod: there is nothing to go back to" in said), said


def test_a_promotion_after_a_rollback(sandbox):
    """After a rollback the next promotion is compared with what stands, and can be taken back itself."""
    sandbox.promoted(ONE)
    sandbox.promoted(TWO)
    roll_back(sandbox)
    out = sandbox.promote("--dry-run", digests=THREE)[1]
    assert f"| gateway | `{ONE['gateway'][:19]}` | `{THREE['gateway'][:19]}` |" in out
    sandbox.promoted(THREE)
    assert 0 == roll_back(sandbox)[0]
    assert ONE["gateway"] in sandbox.text()


def test_a_merged_and_a_squashed_promotion_are_found(sandbox):
    """However the pull request was merged, its promotion is found."""
    sandbox.promoted(ONE)
    sandbox.promote("--branch", "merged", digests=TWO)
    sandbox.git("merge", "-q", "--no-ff", "-m", "Merge pull request", "merged")
    assert 0 == roll_back(sandbox)[0]
    assert ONE["gateway"] in sandbox.text()
    text = sandbox.tree.parent / "text.md"
    sandbox.promote("--no-commit", "--text", text, digests=THREE)
    title, _, body = text.read_text().partition("\n")
    sandbox.git("commit", "-q", "-a", "--cleanup=whitespace", "-m", f"{title.removeprefix('# ')}\n\n{body.strip()}")
    status, _, said = roll_back(sandbox)
    assert 0 == status, said
    assert ONE["gateway"] in sandbox.text()


def nothing(sandbox):
    pass


def first(sandbox):
    sandbox.promoted(ONE)


def dirty(sandbox):
    sandbox.promoted(ONE)
    sandbox.promoted(TWO)
    sandbox.write(RELEASE, sandbox.text() + "# mine\n")


def conflicting(sandbox):
    sandbox.promoted(ONE)
    sandbox.promoted(TWO)
    sandbox.write(RELEASE, sandbox.text().replace(TWO["gateway"], THREE["gateway"]))
    sandbox.commit("by hand")


def undone_by_hand(sandbox):
    sandbox.promoted(ONE)
    before = sandbox.text()
    sandbox.promoted(TWO)
    sandbox.write(RELEASE, before)
    sandbox.commit("by hand")


def more_than_one_file(sandbox):
    sandbox.promoted(ONE)
    sandbox.promoted(TWO)
    sandbox.write("base/gateway/settings.env", sandbox.text("base/gateway/settings.env") + "# more\n")
    sandbox.git("commit", "-q", "-a", "--amend", "--no-edit")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (nothing, "main holds no promotion to prod that could be taken back"),
        (first, "is the first promotion to prod: there is nothing to go back to"),
        (dirty, f"the working tree has changes that no commit holds: {RELEASE}"),
        (conflicting, f"{RELEASE} was changed since in the same lines: correct it by hand. Nothing was changed."),
        (undone_by_hand, "already: somebody took it back by hand"),
        (more_than_one_file, f"changed more than {RELEASE}: base/gateway/settings.env"),
    ],
)
def test_what_cannot_be_taken_back_is_refused(sandbox, spoil, reason):
    """A refusal is a sentence, and branch, commits, files and Git's own state are as they were."""
    spoil(sandbox)
    before, text = sandbox.state(), sandbox.text()
    status, out, said = roll_back(sandbox)
    assert (1, "", True) == (status, out, reason in said), said
    assert said.startswith("refused: ")
    assert (before, text) == (sandbox.state(), sandbox.text())
    assert not (sandbox.tree / ".git/REVERT_HEAD").exists()


def test_a_reason_is_needed(sandbox):
    """A rollback without a reason is refused."""
    sandbox.promoted(ONE)
    sandbox.promoted(TWO)
    assert "a rollback needs a reason" in roll_back(sandbox, "  ")[2]
