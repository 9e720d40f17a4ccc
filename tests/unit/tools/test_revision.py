"""Manifests of another revision."""

import subprocess

import pytest

from tools.manifests.rendering import ROOT, SOURCES
from tools.manifests.revision import RevisionError, manifests_of


def git(folder, *arguments):
    identity = ("-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", folder, *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path):
    """Two commits: without manifests (tag `early`), with them (branch `main`), and a change that is not committed."""
    git(tmp_path, "init", "-b", "main")
    git(tmp_path, "commit", "--allow-empty", "-m", "one")
    git(tmp_path, "tag", "early")
    for source in SOURCES:
        path = tmp_path / source
        if "." not in path.name:
            path = path / "kustomization.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("committed")
    (tmp_path / "secret.txt").write_text("not a manifest")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "two")
    (tmp_path / "base/kustomization.yaml").write_text("changed")
    return tmp_path


def test_a_revision_is_given_as_it_was_committed(repository):
    """The folder has what a build reads, as committed, nothing else, and goes away."""
    with manifests_of("main", repository) as folder:
        assert "committed" == (folder / "base/kustomization.yaml").read_text()
        assert (folder / "apps/model-server/models.config").is_file()
        assert not (folder / "secret.txt").exists()
    assert not folder.exists()


def test_a_revision_without_manifests_says_so(repository):
    """A commit before the manifests is named, with what it lacks."""
    with (
        pytest.raises(RevisionError, match=r"early has no manifests.*base, overlays"),
        manifests_of("early", repository),
    ):
        pass


def test_components_may_be_missing(repository):
    """A revision from before the components can be compared with."""
    git(repository, "rm", "-r", "components")
    git(repository, "commit", "-m", "three")
    with manifests_of("main", repository) as folder:
        assert [] == list((folder / "components").iterdir())


@pytest.mark.parametrize("ref", ["nowhere", "--help", "", "main:base"])
def test_an_unknown_revision_is_an_error(repository, ref):
    """What names no commit, an option included, is refused in a sentence."""
    with pytest.raises(RevisionError, match="there is no revision"), manifests_of(ref, repository):
        pass


def test_a_branch_of_origin_is_found(repository, tmp_path_factory):
    """A clone of one branch finds `main` where only origin has it."""
    clone = tmp_path_factory.mktemp("clone")
    git(clone, "clone", repository, "here")
    git(clone / "here", "checkout", "-b", "other")
    git(clone / "here", "branch", "-D", "main")
    with manifests_of("main", clone / "here") as folder:
        assert (folder / "base").is_dir()


def test_this_repository_has_manifests():
    """The last commit of this repository can be compared with."""
    with manifests_of("HEAD") as folder:
        assert (folder / "overlays/prod/kustomization.yaml").read_text().startswith("#")
    assert ROOT.is_dir()
