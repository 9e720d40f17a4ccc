"""A promotion reaches main by a pull request only, and the pull request holds nothing but the promotion."""

import subprocess

import pytest

from tools.publish.commands import PublishError
from tools.publish.pull_request import LIST, MODELS, ask
from tools.publish.release import RELEASE

BRANCH = "promote/prod-abc"
CARD = f"{MODELS}pizza/3/card.json"


@pytest.fixture
def git(tmp_path, monkeypatch):
    """A clone with a file of digests and one commit on main, and the remote that it pushes to."""
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "Somebody")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "somebody@example.org")
    tree = tmp_path / "tree"

    def run(*command, cwd=tree):
        return subprocess.run(["git", *command], cwd=cwd, capture_output=True, text=True, check=True).stdout.strip()

    run("init", "--quiet", "--bare", "--initial-branch=main", str(tmp_path / "remote.git"), cwd=tmp_path)
    run("clone", "--quiet", str(tmp_path / "remote.git"), str(tree), cwd=tmp_path)
    (tree / RELEASE).parent.mkdir(parents=True)
    (tree / RELEASE).write_text("digest: 0\n")
    run("add", ".")
    run("commit", "--quiet", "--message", "Begin")
    run("push", "--quiet", "origin", "HEAD:main")
    return run


@pytest.fixture
def promoted(git, tmp_path):
    """The same with a promotion's branch, and its text."""
    change(git, tmp_path, RELEASE)
    (tmp_path / "text.md").write_text("# Promote kind to prod\n\nFigures.\n")
    return tmp_path / "tree", tmp_path / "text.md"


def change(git, tmp_path, *paths):
    git("checkout", "--quiet", "-B", BRANCH, "main")
    for path in paths:
        (tmp_path / "tree" / path).write_text("digest: 1\n")
    git("add", ".")
    git("commit", "--quiet", "--allow-empty", "--message", "Promote")
    git("checkout", "--quiet", "main")


def test_a_promotion_is_asked_for(promoted, git, stand_in):
    """The branch is pushed, main is not, and the pull request has the text's title and body."""
    calls = stand_in("gh")
    ask(BRANCH, promoted[1], promoted[0])
    assert git("rev-parse", BRANCH) in git("ls-remote", "origin", f"refs/heads/{BRANCH}")
    assert git("rev-parse", "main") in git("ls-remote", "origin", "refs/heads/main")
    assert f"pr create --base main --head {BRANCH} --title Promote kind to prod --body Figures." == calls()[-1]


def test_a_second_promotion_mends_the_first(promoted, git, stand_in, tmp_path):
    """Where the pull request is open its branch and text are replaced: there are never two."""
    calls = stand_in("gh", '[[ "$1 $2" == "pr list" ]] && echo 12; true')
    ask(BRANCH, promoted[1], promoted[0])
    change(git, tmp_path, RELEASE)
    git("commit", "--quiet", "--amend", "--allow-empty", "--message", "Again")
    ask(BRANCH, promoted[1], promoted[0])
    assert "pr edit 12 --title Promote kind to prod --body Figures." == calls()[-1]
    assert not any(call.startswith("pr create") for call in calls())


@pytest.mark.parametrize("paths", [[], ["Makefile"], [RELEASE, "Makefile"]], ids=["nothing", "other", "more"])
def test_only_the_release_may_change(promoted, git, stand_in, tmp_path, paths):
    """A branch that changes nothing, or anything but prod's release, is not pushed."""
    calls = stand_in("gh")
    change(git, tmp_path, *paths)
    with pytest.raises(PublishError, match="and nothing else"):
        ask(BRANCH, promoted[1], promoted[0])
    assert "" == git("ls-remote", "origin", f"refs/heads/{BRANCH}")
    assert [] == calls()


def test_a_branch_that_is_not_there_is_told(git, promoted, stand_in):
    """A promotion that made no branch ends with Git's word, not with an empty pull request."""
    calls = stand_in("gh")
    with pytest.raises(PublishError):
        ask("promote/other", promoted[1], promoted[0])
    assert [] == calls()


def test_a_text_without_title_is_refused(promoted, git, stand_in):
    """A text that begins with no title is refused before anything is pushed."""
    stand_in("gh")
    promoted[1].write_text("Figures.\n")
    with pytest.raises(PublishError, match="title"):
        ask(BRANCH, promoted[1], promoted[0])
    assert "" == git("ls-remote", "origin", f"refs/heads/{BRANCH}")


def test_a_model_version_is_asked_for(promoted, git, stand_in, tmp_path):
    """A branch that adds files of models, and their entry in the list, is pushed where a model is meant."""
    calls = stand_in("gh")
    (tmp_path / "tree" / CARD).parent.mkdir(parents=True)
    change(git, tmp_path, CARD, LIST)
    ask(BRANCH, promoted[1], promoted[0], models=True)
    assert f"pr create --base main --head {BRANCH} --title Promote kind to prod --body Figures." == calls()[-1]


@pytest.mark.parametrize("paths", [[RELEASE], [LIST], ["Makefile"], [CARD, RELEASE], [CARD, LIST, "Makefile"]])
def test_a_model_s_branch_may_change_nothing_else(promoted, git, stand_in, tmp_path, paths):
    """A release, a list without a model, or any other file is no model version, nor may it come with one."""
    calls = stand_in("gh")
    (tmp_path / "tree" / CARD).parent.mkdir(parents=True)
    change(git, tmp_path, *paths)
    with pytest.raises(PublishError, match="nothing else"):
        ask(BRANCH, promoted[1], promoted[0], models=True)
    assert "" == git("ls-remote", "origin", f"refs/heads/{BRANCH}")
    assert [] == calls()


def test_a_version_that_is_there_may_not_change(promoted, git, stand_in, tmp_path):
    """A version never changes: a branch that edits a file of one is not pushed."""
    calls = stand_in("gh")
    (tmp_path / "tree" / CARD).parent.mkdir(parents=True)
    (tmp_path / "tree" / CARD).write_text("{}")
    git("add", ".")
    git("commit", "--quiet", "--message", "Add pizza 3")
    change(git, tmp_path, CARD)
    with pytest.raises(PublishError, match="nothing else"):
        ask(BRANCH, promoted[1], promoted[0], models=True)
    assert [] == calls()
