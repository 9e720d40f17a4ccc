"""Build programs that are written in Go into the cache. Kustomize is one; a repository can have its other ones built.

build("sigs.k8s.io/kustomize/kustomize/v5", "v5.8.1")               # its released dependencies, from the module proxy
build("sigs.k8s.io/kind", pinned(go_mod, "sigs.k8s.io/kind"), go_mod=go_mod)   # as go.mod and go.sum pin them
"""

import re
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from pykustomize import _progress
from pykustomize._cache import cache_folder, filling, place
from pykustomize._go import Go, find_go, reason
from pykustomize._progress import say
from pykustomize.errors import KustomizeNotFound

# A first build downloads modules and compiles Go's own library: minutes on a small machine.
TIMEOUT_S = 1800.0
# What kustomize v5.8.1 asks for; with a go.mod its `go` line counts.
GO = (1, 24, 0)


def name_of(package: str) -> str:
    """Give the name of the program that a package makes: the last part of its path that is no version."""
    return re.sub(r"/v\d+$", "", package).rpartition("/")[2]


def pinned(go_mod: Path, package: str) -> str:
    """Read the version of the module of a package. Raises: KustomizeNotFound where go.mod requires none."""
    required = re.findall(r"^(?:require)?\s+(\S+) (v\S+)", _read(go_mod), re.MULTILINE)
    fitting = [(module, version) for module, version in required if f"{package}/".startswith(f"{module}/")]
    if not fitting:
        raise KustomizeNotFound(
            f"{go_mod} pins no version of {package}. Add it: go get -tool {package}@VERSION, in {go_mod.parent}."
        )
    _, version = max(fitting, key=lambda found: len(found[0]))
    return str(version)


def build(
    package: str, version: str, *, go_mod: Path | None = None, cache: Path | None = None, timeout_s: float = TIMEOUT_S
) -> Path:
    """Give a program from the cache; build it first where it is not there.

    Args:
        package: import path of its main package.
        version: of the module, with its `v`; the key in the cache.
        go_mod: a go.mod that has the module, beside its go.sum, to build with exactly those dependencies.
        cache: where to keep it; `cache_folder()` if not given.
        timeout_s: limit for the build, seconds.
    Returns: the path of the program. It appears whole or not at all, whoever else builds it or kills it.
    Raises: KustomizeNotFound when it cannot be built, or the cache cannot be written.
    """
    cache = cache or cache_folder()
    name = name_of(package)
    folder = place(cache, name, version)
    program = folder / name
    if program.is_file():
        return program
    try:
        go = find_go(_minimum(go_mod), cache)
        with filling(folder) as partial:
            if partial is not None:
                _build(go, package, version, partial, go_mod=go_mod, timeout_s=timeout_s)
    except OSError as error:
        raise KustomizeNotFound(
            f"{name} {version} cannot be put into {folder}: {error.strerror or error}. "
            "Make room there, or name another folder with XDG_CACHE_HOME."
        ) from error
    return program


def _build(go: Go, package: str, version: str, folder: Path, *, go_mod: Path | None, timeout_s: float) -> None:
    name, scratch, started = name_of(package), folder / "scratch", time.monotonic()
    scratch.mkdir()
    environment = go.environment(scratch)
    command: list[str | Path] = [go.program]
    if go_mod is None:
        say(f"building {name} {version} with {go.program}, once; Go downloads its modules and checks them")
        environment["GOBIN"] = str(folder)
        command += ["install", "-v", "-trimpath", "-ldflags=-s -w", f"{package}@{version}"]
    else:
        say(f"building {name} {version} with {go.program}, once; modules as {go_mod} and go.sum pin them")
        command += ["build", "-v", "-trimpath", "-ldflags=-s -w", "-mod=readonly", "-o", folder / name, package]
    try:
        _progress.run(
            command, f"building {name}", env=environment, cwd=go_mod.parent if go_mod else scratch,
            timeout_s=timeout_s, state=_state,
        )  # fmt: skip
    except _progress.CommandError as error:
        raise KustomizeNotFound(
            f"{name} {version} is not there and could not be built with {go.program}: {reason(error.output)}. "
            f"Mend that and call again, or put {name} {version} on PATH."
        ) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    say(f"built {name} {version} in {time.monotonic() - started:.0f} s: {folder.parent}")


def _state(lines: Sequence[str]) -> str:
    """Count what Go has told so far: `go: downloading MODULE VERSION`, or the package that it compiles."""
    downloads = sum(line.startswith("go: downloading") for line in tuple(lines))
    compiled = sum(not line.startswith("go: ") for line in tuple(lines))
    latest = lines[-1].removeprefix("go: ").strip() if lines else "starting"
    return f", {downloads} modules downloaded, {compiled} packages compiled; {latest}"


def _minimum(go_mod: Path | None) -> tuple[int, ...]:
    found = re.search(r"^go (\d+)\.(\d+)(?:\.(\d+))?", _read(go_mod), re.MULTILINE) if go_mod else None
    return tuple(int(part) for part in found.groups(default="0")) if found else GO


def _read(go_mod: Path) -> str:
    try:
        return go_mod.read_text(encoding="utf-8")
    except OSError as error:
        raise KustomizeNotFound(f"{go_mod} cannot be read: {error.strerror}") from error
