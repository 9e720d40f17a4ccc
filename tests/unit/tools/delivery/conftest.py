"""A repository of its own for each test: the real manifests, cards and goldens, in real Git."""

import json
import shutil
import subprocess

import pytest

from tools.delivery import cluster, gates
from tools.delivery.__main__ import main
from tools.delivery.release import file_of
from tools.delivery.repository import GitRepository
from tools.manifests.rendering import ROOT, SOURCES

RELEASE = file_of("prod")
MODELS = "apps/model-server/models"
ONE, TWO = ({"gateway": f"sha256:{a * 64}", "model-server": f"sha256:{b * 64}"} for a, b in ("ab", "cd"))
RUN = "https://github.com/example/image-classifiers/actions/runs/1"


class Sandbox:
    """A temporary repository, and the command on it."""

    def __init__(self, tree, capsys):
        self.tree, self.capsys = tree, capsys
        self.repository = GitRepository(tree)

    def git(self, *arguments):
        identity = ("-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false")
        done = subprocess.run(
            ["git", "-C", self.tree, *identity, *arguments], capture_output=True, text=True, check=False
        )
        assert 0 == done.returncode, done.stderr
        return done.stdout.strip()

    def commit(self, message="change"):
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)
        return self.git("rev-parse", "HEAD")

    def run(self, *arguments):
        """Run the command. Returns: exit status, standard output, standard error."""
        self.capsys.readouterr()
        status = main([str(one) for one in arguments], self.tree)
        said = self.capsys.readouterr()
        return status, said.out, said.err

    def promote(self, *more, digests=ONE, verified_by=RUN):
        images = [f"{name}={digest}" for name, digest in digests.items()]
        verified = ["--verified-by", verified_by] if verified_by else []
        return self.run("promote", "kind", "prod", *verified, *more, *(["--images", *images] if images else []))

    def promoted(self, digests=ONE):
        """Promote, and merge it into main. Returns: the commit."""
        status, _, said = self.promote("--branch", "promotion", digests=digests)
        assert 0 == status, said
        self.git("merge", "-q", "--ff-only", "promotion")
        self.git("branch", "-q", "-D", "promotion")
        return self.git("rev-parse", "HEAD")

    def state(self):
        """Give everything that a refusal must leave alone."""
        return self.git("rev-parse", "HEAD"), self.git("branch", "--list"), self.git("status", "--porcelain")

    def text(self, path=RELEASE):
        return (self.tree / path).read_text()

    def write(self, path, text):
        (self.tree / path).parent.mkdir(parents=True, exist_ok=True)
        (self.tree / path).write_text(text)

    def new_version(self, model, version, change):
        """Add a version that is the newest one but for what a function changes in its card and golden."""
        newest = max((self.tree / MODELS / model).iterdir(), key=lambda path: int(path.name))
        home = newest.with_name(str(version))
        if home != newest:
            shutil.copytree(newest, home)
        card, golden = (json.loads((home / f"{name}.json").read_text()) for name in ("card", "golden"))
        card["version"] = golden["version"] = version
        change(card, golden)
        (home / "card.json").write_text(json.dumps(card))
        (home / "golden.json").write_text(json.dumps(golden))


@pytest.fixture
def real_rules(monkeypatch):
    """Undo what `sandbox` leaves out: the rules take seconds."""
    return lambda: monkeypatch.setattr(gates, "need_good_manifests", _REAL)


_REAL = gates.need_good_manifests


@pytest.fixture
def sandbox(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(gates, "need_good_manifests", lambda _: "The manifests are good.")
    monkeypatch.setattr(cluster.shutil, "which", lambda _: None)
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "a")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "a@b.c")
    tree = tmp_path / "repository"
    for source in SOURCES:
        path = ROOT / source
        (tree / source).parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if path.is_dir() else shutil.copyfile)(path, tree / source)
    for path in (ROOT / MODELS).glob("*/*/*.json"):
        (tree / path.relative_to(ROOT)).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, tree / path.relative_to(ROOT))
    made = Sandbox(tree, capsys)
    made.git("init", "-q", "-b", "main")
    made.commit("first")
    return made


@pytest.fixture
def kubectl(tmp_path, monkeypatch):
    """Put a kubectl in place that answers `get KIND NAME` by what a function is given: name -> object."""

    def put(answers):
        folder = tmp_path / "answers"
        folder.mkdir(exist_ok=True)
        for name, answer in answers.items():
            (folder / name).write_text(json.dumps(answer))
        program = tmp_path / "kubectl"
        # kubectl -n NAMESPACE get KIND NAME
        missing = 'echo "Error from server (NotFound): $5 not found" >&2; exit 1'
        program.write_text(f'#!/bin/sh\ncat "{folder}/$5" 2>/dev/null || {{ {missing}; }}\n')
        program.chmod(0o755)
        monkeypatch.setattr(cluster.shutil, "which", lambda _: str(program))

    return put


def running(revision, *, sync="Synced", health="Healthy", phase="Succeeded", about=None, condition="Complete"):
    """Give what a cluster says of kind."""
    return {
        "classifiers-kind": {
            "status": {
                "sync": {"status": sync, "revision": revision},
                "health": {"status": health},
                "operationState": {"phase": phase},
            }
        },
        "verify": {
            "metadata": {"annotations": {cluster.REVISION: revision if about is None else about}},
            "status": {"conditions": [{"type": condition, "status": "True"}] if condition else []},
        },
        **{
            name: {
                "spec": {"replicas": 2, "template": {"spec": {"containers": [{"image": f"{name}:dev"}]}}},
                "status": {"readyReplicas": 2},
            }
            for name in ("gateway", "model-server")
        },
    }
