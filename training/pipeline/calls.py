"""Call a command of this repository with the Python that has what training needs, and keep its last words."""

import os
import subprocess
import sys
from pathlib import Path
from threading import Thread

ROOT = Path(__file__).parents[2]
PYTHON = "TRAINING_PYTHON"  # the environment of requirements/train.txt
RUNS = "TRAINING_RUNS"  # folder of what outlives a pipeline: runs of candidates, decoded pictures
REASON = "PIPELINE_REASON"  # file that a refused step writes its reason to
REFUSED = 3
CREDENTIALS = ("-c", "credential.helper=", "-c", "credential.helper=!gh auth git-credential")
MARK = "pipeline | "  # what people are shown of a local run


class StepFailed(SystemExit):
    """A command ended badly; its own words were printed, and no traceback of ours adds to them."""


def python() -> str:
    """Name the Python of training."""
    default = ROOT / ".venv" / "train" / "bin" / "python"
    return os.environ.get(PYTHON) or str(default if default.exists() else sys.executable)


def runs() -> Path:
    """Give the folder of what outlives a pipeline."""
    return Path(os.environ.get(RUNS) or ROOT / "runs")


def say(text: str) -> None:
    """Tell people something; a local run shows these lines and keeps the rest for its log."""
    for line in text.splitlines():
        print(f"{MARK}{line}", flush=True)


def call(module: str, *arguments: str | Path) -> str:
    """Run `python -m MODULE ARGUMENTS` of this repository with the Python of training; see `run`."""
    return run(python(), "-m", module, *arguments)


def git(*arguments: str | Path) -> str:
    """Run git; where it asks for a password, gh gives one, by GH_TOKEN; see `run`."""
    return run("git", *CREDENTIALS, *arguments)


def run(*words: str | Path) -> str:
    """Run a program and show what it says.

    Returns: its standard output. Raises: StepFailed with its exit status, after its last words were told.
    """
    command = [str(word) for word in words]
    print("+", *command, flush=True)
    path = [str(ROOT), str(ROOT / "apps"), str(ROOT / "apps/model-server"), str(ROOT / "tools/pykustomize/src")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path)}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace"
    ) as running:
        said: list[str] = []
        listener = Thread(target=_listen, args=(running, said))
        listener.start()
        output = running.stdout.read() if running.stdout else ""
        listener.join()
    print(output, end="", flush=True)
    if running.returncode:
        refuse(_last_words(said, f"{command[0]} ended with status {running.returncode}"), running.returncode)
    return output


def refuse(reason: str, status: int = REFUSED) -> None:
    """End this step with a reason. Raises: StepFailed."""
    print(reason, flush=True)
    if file := os.environ.get(REASON):  # a local run tells it at its end
        Path(file).write_text(reason + "\n", encoding="utf-8")
    raise StepFailed(status)


def _listen(running: "subprocess.Popen[str]", said: list[str]) -> None:
    for line in running.stderr or ():
        print(line, end="", flush=True)
        said.append(line.rstrip())


def _last_words(said: list[str], otherwise: str) -> str:
    """Find the sentence that a command of ours ends with; libraries write to the same stream before it."""
    begins = ("refused:", "error:", "fatal:", "training ")
    starts = [number for number, line in enumerate(said) if line.startswith(begins)]
    words = said[starts[-1] :] if starts else [line for line in said if line.strip()][-1:]
    return "\n".join(words) or otherwise
