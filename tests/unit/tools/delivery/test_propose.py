"""A model version becomes a branch with one commit; what may not, is refused and leaves nothing."""

import json
import shutil
import subprocess

import pytest

from tests.unit.tools.delivery.conftest import MODELS
from tools.delivery.repository import GitRepository
from tools.models import LIST
from tools.models import MODELS as BUNDLED

LISTED = f"{MODELS}.config"


def small_copy(directory):
    """Copy a real version, its largest files cut short: nobody computes with it here."""
    shutil.copytree(BUNDLED / "fashion-mnist/1", directory)
    for path in directory.rglob("*"):
        if path.is_file() and path.stat().st_size > 100_000:
            path.write_bytes(path.read_bytes()[:1000])


class Repository:
    """A repository that holds one real model with its list, and a further version of it beside."""

    def __init__(self, folder, run):
        self.tree, self.folder, self._run = folder / "tree", folder, run
        (self.tree / MODELS).mkdir(parents=True)
        small_copy(self.tree / MODELS / "fashion-mnist/1")
        shutil.copy(LIST, self.tree / LISTED)
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("config", "user.name", "Somebody")
        self.git("config", "user.email", "somebody@example.org")
        self.git("add", ".")
        self.git("commit", "--quiet", "--message", "Begin")
        self.version = self.exported(2)

    def exported(self, number, name="fashion-mnist"):
        """Make a version of the model that the repository has, with another number or name."""
        directory = self.folder / "exported" / name / str(number)
        small_copy(directory)
        card = json.loads((directory / "card.json").read_text())
        (directory / "card.json").write_text(json.dumps({**card, "name": name, "version": number}))
        return directory

    def git(self, *arguments):
        done = subprocess.run(["git", "-C", self.tree, *arguments], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def propose(self, directory=None, *more):
        return self._run("propose", directory or self.version, "--repository", self.tree, *more)


@pytest.fixture
def repository(tmp_path, capsys, monkeypatch):
    from tools.delivery.__main__ import main

    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")

    def run(*arguments):
        capsys.readouterr()
        status = main([str(one) for one in arguments], tmp_path)
        said = capsys.readouterr()
        return status, said.out, said.err

    return Repository(tmp_path, run)


def test_a_version_becomes_one_commit_on_a_branch(repository):
    """On top of HEAD, whatever is checked out or changed; files are those of the version, byte by byte."""
    (repository.tree / "notes.txt").write_text("of mine\n")
    repository.git("add", "notes.txt")
    status, out, err = repository.propose()
    assert (0, "") == (status, err)
    assert "on the branch model/fashion-mnist-2; next: git push origin model/fashion-mnist-2" in out
    assert "A  notes.txt" == repository.git("status", "--porcelain")
    changed = repository.git("diff", "--name-only", "main", "model/fashion-mnist-2").split()
    files = {
        path.relative_to(repository.version).as_posix() for path in repository.version.rglob("*") if path.is_file()
    }
    assert {f"{MODELS}/fashion-mnist/2/{file}" for file in files} == set(changed) - {LISTED}
    assert repository.git("rev-parse", "main") == repository.git("rev-parse", "model/fashion-mnist-2^")
    repository.git("stash", "--quiet")
    repository.git("checkout", "--quiet", "model/fashion-mnist-2")
    for file in files:
        assert (repository.version / file).read_bytes() == (
            repository.tree / MODELS / "fashion-mnist/2" / file
        ).read_bytes()


def test_a_new_model_is_entered_in_the_list(repository):
    """As `make models` would: what the list says of others stays, comments included."""
    assert 0 == repository.propose(repository.exported(1, "shoes"), "--branch", "shoes")[0]
    text = repository.git("show", f"shoes:{LISTED}")
    assert 'name: "shoes"' in text
    assert 'name: "fashion-mnist"' in text
    assert text.splitlines()[0] == (repository.tree / LISTED).read_text().splitlines()[0]


def test_the_commit_says_what_it_rests_on(repository, tmp_path):
    """Accuracy new and old, the evidence, the pictures and the commit that it was trained from."""
    (tmp_path / "evidence.md").write_text("- Beats the version that is there.\n")
    text = tmp_path / "text.md"
    assert 0 == repository.propose(None, "--evidence", tmp_path / "evidence.md", "--text", text)[0]
    card = json.loads((repository.version / "card.json").read_text())
    for words in (repository.git("log", "-1", "--format=%B", "model/fashion-mnist-2"), text.read_text()):
        assert "Add fashion-mnist version 2, after version 1" in words.splitlines()[0]
        assert "Version 1: accuracy 0.873" in words
        assert "- Beats the version that is there." in words
        assert f"Pictures-SHA256: {card['data']['content_sha256']}" in words
        assert f"Trained-Commit: {card['git_commit']}" in words
    assert "0 of 8 goldens beyond tolerance" in text.read_text()
    trailers = repository.git("log", "-1", "--format=%(trailers:only)", "model/fashion-mnist-2")
    assert "Model: fashion-mnist 2" == trailers.splitlines()[0]


def refused(repository, said, *arguments):
    before = repository.git("branch", "--format=%(refname)")
    status, _, err = repository.propose(*arguments)
    assert 1 == status
    assert said in err
    assert before == repository.git("branch", "--format=%(refname)")


def test_a_number_that_is_taken_is_refused(repository):
    """A version never changes: HEAD has it, or a later one."""
    refused(repository, "has fashion-mnist version 1 already: export it as version 2", repository.exported(1))


def test_a_branch_that_is_there_is_refused(repository):
    """Nothing of somebody's is moved; nor is a name taken that Git cannot have."""
    repository.git("branch", "mine")
    refused(repository, "there is a branch mine already", None, "--branch", "mine")
    refused(repository, "is no name for a branch", None, "--branch", "a..b")


@pytest.mark.parametrize("file", ["card.json", "golden.json", "saved_model.pb", "model.tflite"])
def test_half_a_version_is_refused(repository, file):
    """Each file that the servers and the gates read has to be there."""
    (repository.version / file).unlink()
    refused(repository, f"it has no {file}")


def test_a_version_of_another_name_is_refused(repository):
    """The folder says the same as the card."""
    moved = repository.version.rename(repository.version.with_name("3"))
    refused(repository, "holds fashion-mnist version 2", moved)


def test_nobody_commits_without_a_name(repository):
    """Git has to know who commits; found before anything is trained, by `current` as well."""
    repository.git("config", "user.useConfigOnly", "true")
    for name in ("user.name", "user.email"):
        repository.git("config", "--unset", name)
    refused(repository, "Git does not know who commits")


def test_the_version_that_is_there_is_taken_from_git(repository, tmp_path):
    """HEAD's, not the working tree's; with the number to come, and the branch that will be made."""
    shutil.rmtree(repository.tree / MODELS)
    out = tmp_path / "out"
    status, said, _ = repository._run("current", "fashion-mnist", "--out", out, "--repository", repository.tree)
    assert 0 == status
    assert {"version": 1, "next": 2, "branch": "model/fashion-mnist-2"}.items() <= json.loads(said).items()
    for file in ("card.json", "variables/variables.data-00000-of-00001"):
        held = subprocess.run(
            ["git", "-C", repository.tree, "show", f"HEAD:{MODELS}/fashion-mnist/1/{file}"],
            capture_output=True,
            check=True,
        )
        assert held.stdout == (out / "fashion-mnist/1" / file).read_bytes()


def test_a_model_that_is_not_there_has_no_version(repository, tmp_path):
    """The first one will be 1, and nothing is written."""
    status, said, _ = repository._run("current", "shoes", "--out", tmp_path / "o", "--repository", repository.tree)
    assert (0, 0, 1) == (status, json.loads(said)["version"], json.loads(said)["next"])
    assert not (tmp_path / "o").exists()


def test_a_folder_that_is_no_repository_is_refused(repository, tmp_path):
    """One sentence, and no traceback."""
    (tmp_path / "plain").mkdir()
    assert GitRepository(tmp_path / "plain").attempt("status").returncode
    status, _, err = repository._run("current", "pizza", "--out", tmp_path / "o", "--repository", tmp_path / "plain")
    assert 1 == status
    assert err.startswith("refused: ")
