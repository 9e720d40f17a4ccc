"""Propose a model version: a branch with one commit that adds its folder and its entry in the list of models.

What comes after is what comes after any commit: CI, images, kind, and `make promote` to prod.
"""

import io
import json
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools.delivery.errors import Refused
from tools.delivery.models import FOLDER, LIST, ModelVersion, accuracy, changed_predictions, version_at, versions_at
from tools.delivery.repository import GitRepository
from tools.models import ListError, update_list

_NEEDED = ("card.json", "golden.json", "saved_model.pb", "model.tflite")


@dataclass(frozen=True)
class Proposal:
    """A version that may be committed. Args: directory: its files; new: what it says of itself; old: what is there."""

    directory: Path
    new: ModelVersion
    old: ModelVersion | None
    evidence: str

    @property
    def title(self) -> str:
        """Write the subject of the commit."""
        before = f", after version {self.old.version}" if self.old else ""
        return f"Add {self.new.name} version {self.new.version}{before}"

    @property
    def text(self) -> str:
        """Write the pull request's text."""
        parts = [f"# {self.title}", "\n".join(self._figures()), self.evidence.strip(), self._predictions()]
        return "\n\n".join(part for part in parts if part) + f"\n\n{self.trailers}"

    @property
    def message(self) -> str:
        """Write the commit's message."""
        body = f"{chr(10).join(self._figures())}\n\n{self.evidence.strip()}".strip()
        return f"{self.title}\n\n{body}\n\n{self.trailers}"

    @property
    def trailers(self) -> str:
        """Write what it was made of."""
        card = self.new.card
        pictures = card.get("data", {}).get("content_sha256", "unknown")
        return (
            f"Model: {self.new.name} {self.new.version}\nTrained-Commit: {card.get('git_commit', 'unknown')}\n"
            f"Pictures-SHA256: {pictures}\n"
        )

    def _figures(self) -> list[str]:
        lines = [f"{self.new.card.get('backbone', 'unknown backbone')}, accuracy {accuracy(self.new)}."]
        if self.old:
            lines.append(f"Version {self.old.version}: accuracy {accuracy(self.old)}.")
        return lines

    def _predictions(self) -> str:
        if self.old is None:
            return ""
        changed, both = changed_predictions(self.old, self.new)
        flips = sum(pair.flips for pair in changed)
        return f"{len(changed)} of {both} goldens beyond tolerance of what they were, {flips} with another class."


def branch_of(name: str, version: int | str) -> str:
    """Name the branch of a proposal."""
    return f"model/{name}-{version}"


def newest(repository: GitRepository, name: str) -> int:
    """Give the newest version of a model that HEAD holds; 0 where there is none."""
    return versions_at(repository, "HEAD", [name]).get(name, 0)


def extract(repository: GitRepository, name: str, version: int, folder: Path) -> None:
    """Write a version of HEAD to a folder, as `folder/NAME/VERSION`. Raises: Refused."""
    command = ["git", "-C", str(repository.tree), "archive", f"HEAD:{FOLDER}", f"{name}/{version}"]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        raise Refused(f"git archive: {done.stderr.decode(errors='replace').strip()}")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")


def prepare(repository: GitRepository, directory: Path, branch: str, evidence: str = "") -> Proposal:
    """Look whether a version may be proposed. Nothing is changed.

    Args:
        repository: that it is proposed to; what its HEAD holds counts, not its working tree.
        directory: the version's, named NAME/NUMBER.
        branch: that is to be made.
        evidence: Markdown for who decides.
    Raises: Refused.
    """
    need_branch(repository, branch)
    name, number = directory.resolve().parent.name, directory.name
    if missing := [file for file in _NEEDED if not (directory / file).is_file()]:
        raise Refused(f"{directory} is no model version: it has no {', '.join(missing)}")
    card, golden = (json.loads((directory / f"{kind}.json").read_text(encoding="utf-8")) for kind in ("card", "golden"))
    if (card.get("name"), str(card.get("version"))) != (name, number):
        raise Refused(f"{directory} holds {card.get('name')} version {card.get('version')}")
    there = newest(repository, name)
    if int(number) <= there:
        raise Refused(f"{repository.branch()} has {name} version {there} already: export it as version {there + 1}")
    old = version_at(repository, "HEAD", name, there) if there else None
    return Proposal(directory, ModelVersion(name, int(number), card, golden, ""), old, evidence)


def need_branch(repository: GitRepository, branch: str) -> None:
    """Raise Refused where a branch of that name cannot be made, or nobody is there to be the commit's author."""
    repository.commit("HEAD")
    if repository.attempt("check-ref-format", "--branch", branch).returncode:
        raise Refused(f"{branch!r} is no name for a branch")
    if repository.attempt("show-ref", "--verify", "--quiet", f"refs/heads/{branch}").returncode == 0:
        raise Refused(f"there is a branch {branch} already: git branch -D {branch}, or give another --branch")
    if repository.attempt("var", "GIT_COMMITTER_IDENT").returncode:
        raise Refused("Git does not know who commits: git config user.name NAME; git config user.email ADDRESS")


def commit_to(repository: GitRepository, branch: str, proposal: Proposal) -> str:
    """Make a branch with one commit on top of HEAD; working tree, index and what is checked out stay as they are.

    Returns: the commit. Raises: Refused; nothing is left then.
    """
    folder = f"{FOLDER}/{proposal.new.name}/{proposal.new.version}"
    with _index(repository) as add:
        for file in sorted(path for path in proposal.directory.rglob("*") if path.is_file()):
            add(f"{folder}/{file.relative_to(proposal.directory).as_posix()}", file)
        with tempfile.TemporaryDirectory(prefix="propose-") as scratch:
            add(LIST, _list(repository, Path(scratch), proposal.new))
        tree = add.tree()
    commit = repository.run("commit-tree", tree, "-p", "HEAD", text=proposal.message).strip()
    repository.run("branch", branch, commit)
    return commit


class _Index:
    """An index of its own, that begins as HEAD is."""

    def __init__(self, repository: GitRepository, file: Path) -> None:
        self._repository = GitRepository(repository.tree, {**repository.environment, "GIT_INDEX_FILE": str(file)})
        self._repository.run("read-tree", "HEAD")

    def __call__(self, path: str, file: Path) -> None:
        """Put a file to a path."""
        blob = self._repository.run("hash-object", "-w", "--no-filters", "--", file).strip()
        self._repository.run("update-index", "--add", "--cacheinfo", f"100644,{blob},{path}")

    def tree(self) -> str:
        """Write it as a tree."""
        return self._repository.run("write-tree").strip()


@contextmanager
def _index(repository: GitRepository) -> Iterator[_Index]:
    with tempfile.TemporaryDirectory(prefix="propose-") as folder:
        yield _Index(repository, Path(folder, "index"))


def _list(repository: GitRepository, scratch: Path, new: ModelVersion) -> Path:
    """Write the list of models as it is to be: what HEAD's says, and the new model where it is not named yet."""
    names = repository.names("HEAD", FOLDER)
    for name, number in [*versions_at(repository, "HEAD", names).items(), (new.name, new.version)]:
        folder = scratch / Path(FOLDER).name / name / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "saved_model.pb").touch()  # how tools.models knows a version
    path = scratch / Path(LIST).name
    if (text := repository.text("HEAD", LIST)) is not None:
        path.write_text(text, encoding="utf-8")
    try:
        update_list(path)
    except ListError as error:
        raise Refused(f"{LIST}: {error}") from error
    return path
