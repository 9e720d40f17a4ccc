"""What the tests of the pipeline share. They run in `.venv/pipeline`, which has kfp and no TensorFlow; what trains runs
in the environment that TRAINING_PYTHON names, `.venv/test` unless told otherwise.
"""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = os.environ.get("TRAINING_PYTHON", str(ROOT / ".venv/test/bin/python"))
PATIENCE_S = 600  # of a machine that has other work; 30 are enough on two cores that have not
MODELS = "apps/model-server/models"


class Started:
    """A pipeline that runs. Args: process; folder: of its artefacts and log."""

    def __init__(self, process, folder):
        self.process, self.folder = process, folder

    def end(self):
        """Wait for its end. Returns: exit status, standard output, standard error."""
        out, err = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, out, err

    def kill(self):
        """Kill it with all that it has started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()

    def artefacts(self, step):
        """Give the folders of a step, one a run of it, the newest last."""
        return sorted(self.folder.glob(f"artefacts/*/**/{step}/"))


class Repository:
    """A repository with a model of another name, that gets the branch; and what runs leave beside it."""

    def __init__(self, folder):
        self.tree, self.folder, self.started = folder / "tree", folder, []
        models = self.tree / MODELS
        (models / "other/1").mkdir(parents=True)
        (models / "other/1/saved_model.pb").write_text("")
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("add", ".")
        self.git("commit", "--quiet", "--message", "Begin")

    def git(self, *arguments):
        identity = ("-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false")
        command = ["git", "-C", self.tree, *identity, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def branches(self):
        return self.git("branch", "--format=%(refname:short)").split()

    def start(self, name, *candidates, python=PYTHON, **options):
        """Start the pipeline of drawings. Args: name: of the folder for its artefacts; options: of the command."""
        words = [word for key, value in options.items() for word in (f"--{key.replace('_', '-')}", str(value))]
        command = [
            sys.executable, "-m", "training.pipeline", "run", "--config", "drawn", "--repository", str(self.tree),
            "--folder", str(self.folder / name), "--candidates", *candidates, *words,
        ]  # fmt: skip
        who = {f"GIT_{role}_{what}": "a@b.c" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        environment = {
            **os.environ, **who, "TRAINING_PYTHON": str(python), "TRAINING_RUNS": str(self.folder / "runs"),
            "CUDA_VISIBLE_DEVICES": "",
        }  # fmt: skip
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip
        self.started.append(Started(process, self.folder / name))
        return self.started[-1]


@pytest.fixture(scope="session")
def repository(tmp_path_factory):
    made = Repository(tmp_path_factory.mktemp("pipeline"))
    yield made
    for started in made.started:
        started.kill()
