"""Run the programs that make a cluster, wait for what they start, and say what went wrong."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pykustomize import KustomizeError
from tools.gotools import tool

ROOT = Path(__file__).parents[2]
CLUSTER = "classifiers"
NODE = f"{CLUSTER}-control-plane"


class ClusterError(Exception):
    """What a person has to mend; its text is the whole message."""


class Programs:
    """Docker, kind, kubectl and git. Tests give another `call`."""

    def __init__(self) -> None:
        """Nothing is looked for before it is needed."""
        self._kind: str | None = None

    def docker(self, *arguments: str) -> str:
        """Run docker. Returns: what it printed."""
        return self.call(["docker", *arguments])

    def kind(self, *arguments: str) -> str:
        """Run kind: the one on PATH, else the one that tools/go.mod pins, built when it is not there yet."""
        if self._kind is None:
            try:
                self._kind = shutil.which("kind") or str(tool("kind"))
            except KustomizeError as error:
                raise ClusterError(str(error)) from error
        return self.call([self._kind, *arguments])

    def kubectl(self, *arguments: str, text: str | None = None) -> str:
        """Run kubectl on the cluster: the one on PATH, else the one inside its node. Files go by `text`."""
        if shutil.which("kubectl"):
            return self.call(["kubectl", "--context", f"kind-{CLUSTER}", *arguments], text)
        inside = ["docker", "exec", "-i", NODE, "kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf"]
        return self.call([*inside, *arguments], text)

    def git(self, *arguments: str, text: str | None = None, environment: Mapping[str, str] | None = None) -> str:
        """Run git in the repository. Returns: what it printed, without the last line's end."""
        return self.call(["git", *arguments], text, environment).rstrip("\n")

    def call(
        self, command: Sequence[str], text: str | None = None, environment: Mapping[str, str] | None = None
    ) -> str:
        """Run a program in the repository's root. Raises: ClusterError with what it wrote."""
        try:
            done = subprocess.run(
                command,
                cwd=ROOT,
                input=text,
                env={**os.environ, **(environment or {})},
                capture_output=True,
                text=True,
                check=False,
            )
        except FileNotFoundError as error:
            raise ClusterError(f"{command[0]} is not on PATH") from error
        if done.returncode:
            shown = " ".join(Path(part).name if part.startswith("/") else part for part in command)
            raise ClusterError(f"{shown}\n{(done.stderr + done.stdout).strip()}")
        return done.stdout

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def now_s(self) -> float:
        """Read a clock that only goes forward, seconds."""
        return time.monotonic()

    def is_free(self, port: int) -> bool:
        """Say whether a port of localhost can be had."""
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
        return True


def say(text: str) -> None:
    """Print a line of progress."""
    print(text, flush=True)


def wait_for(programs: Programs, what: str, state: Callable[[], str], timeout_s: float = 120.0) -> None:
    """Ask until `state` is empty, and print each new answer.

    Args:
        programs: whose clock it is.
        what: the thing waited for, for people.
        state: what is still missing, in a line; empty when nothing is. A ClusterError is an answer like others.
        timeout_s: patience, seconds.
    Raises: ClusterError with the last answer.
    """
    say(f"   waiting for {what}")
    end = programs.now_s() + timeout_s
    shown = None
    while True:
        try:
            missing = state()
        except ClusterError as error:
            missing = str(error).splitlines()[-1]
        if not missing:
            return
        if missing != shown:
            say(f"     {missing}")
            shown = missing
        if programs.now_s() >= end:
            raise ClusterError(f"waited {timeout_s:.0f} s for {what}: {missing}")
        programs.sleep(1)


def fail(error: Exception) -> None:
    """Print an error."""
    print(f"error: {error}", file=sys.stderr, flush=True)
