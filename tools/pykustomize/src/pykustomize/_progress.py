"""Run a long command and say how it goes: a moving line on a terminal, else a line now and then."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

# Without a terminal: a sign of life in a CI log, seconds.
EVERY_S = 30.0


class CommandError(Exception):
    """A command ended with an error. Args: output: what it said."""

    def __init__(self, output: str) -> None:
        super().__init__(output)
        self.output = output


def say(text: str) -> None:
    """Print a line for people, beside whatever the program prints on its standard output."""
    print(f"pykustomize: {text}", file=sys.stderr, flush=True)


def run(
    command: Sequence[str | Path],
    what: str,
    *,
    env: Mapping[str, str],
    cwd: Path,
    timeout_s: float,
    state: Callable[[Sequence[str]], str] = lambda _: "",
) -> str:
    """Run a command to its end and show that it lives.

    Args:
        command: program and arguments.
        what: the work, for the line: `building kustomize`.
        env: its whole environment.
        cwd: where it runs.
        timeout_s: after this it is ended, seconds.
        state: makes what stands behind the elapsed time out of the lines so far.
    Returns: its output, standard error included.
    Raises: CommandError with the output; also when it is out of time.
    """
    # A session of its own: Go starts compilers, and all of them have to end with it.
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env, cwd=cwd, start_new_session=True
    ) as process:
        lines: list[str] = []
        reader = threading.Thread(target=lambda: lines.extend(process.stdout or ()), daemon=True)
        try:
            reader.start()
            late = _watch(process, what, lines, timeout_s, state)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
        reader.join(timeout=10)
    output = "".join(lines)
    if late:
        raise CommandError(f"{output}\nit was not done after {timeout_s:.0f} s")
    if process.returncode:
        raise CommandError(output or f"exit status {process.returncode}")
    return output


def _watch(
    process: subprocess.Popen[str],
    what: str,
    lines: Sequence[str],
    timeout_s: float,
    state: Callable[[Sequence[str]], str],
) -> bool:
    started, moving = time.monotonic(), sys.stderr.isatty()
    shown = 0.0
    try:
        while True:
            try:
                process.wait(0.2 if moving else 1.0)
            except subprocess.TimeoutExpired:
                elapsed = time.monotonic() - started
                line = f"{what}: {elapsed:.0f} s{state(lines)}"
                if moving:
                    print(f"\r\x1b[K{line[:100]}", end="", file=sys.stderr, flush=True)
                elif elapsed - shown >= EVERY_S:
                    shown = elapsed
                    say(line)
                if elapsed > timeout_s:
                    return True
            else:
                return False
    finally:
        if moving:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
