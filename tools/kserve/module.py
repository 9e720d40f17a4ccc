"""KServe out of the Go module proxy: its controller as a program, and the objects that install it.

The module is held to its hash and built as it is, by its own go.mod and go.sum: nothing of it is changed.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pykustomize import _progress
from pykustomize._cache import cache_folder, filling, place
from pykustomize._go import Go, find_go
from tools.manifests.crds import SOURCES

SOURCE = SOURCES["serving.kserve.io"]
PACKAGE = "./cmd/manager"
# What its go.mod asks for.
_GO = (1, 25, 8)
_TIMEOUT_S = 7200.0


class KServeError(Exception):
    """KServe cannot be had or installed; the text says what to do."""


def controller(cache: Path | None = None) -> Path:
    """Give a folder with the program `manager` and KServe's folder `config`, from the cache or built into it.

    Raises: KServeError; KustomizeError where there is no Go and none can be fetched.
    """
    cache = cache or cache_folder()
    folder = place(cache, "kserve-controller", SOURCE.version)
    if folder.is_dir():
        return folder
    go = find_go(_GO, cache)
    with filling(folder) as partial:
        if partial is not None:
            # Beside the cache: a fetched Go leaves gigabytes of objects there, to be removed at once.
            with tempfile.TemporaryDirectory(prefix="go-build-", dir=cache, ignore_cleanup_errors=True) as scratch:
                _fill(go, partial, Path(scratch))
    return folder


def _fill(go: Go, folder: Path, scratch: Path) -> None:
    module = _download(go, scratch)
    # Copied file by file: what lies in a module cache can only be read, and so could not be removed.
    shutil.copytree(module / "config", folder / "config", copy_function=shutil.copyfile)
    for path in (folder / "config", *(folder / "config").rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    started_s = time.monotonic()
    print(f"building KServe {SOURCE.version} with {go.program}, once: minutes", file=sys.stderr)
    command: list[str | Path] = [go.program, "build", "-v", "-trimpath", "-ldflags=-s -w", "-mod=readonly"]
    command += ["-o", folder / "manager", PACKAGE]
    try:
        _progress.run(command, "building KServe", env=go.environment(scratch), cwd=module, timeout_s=_TIMEOUT_S)
    except _progress.CommandError as error:
        raise KServeError(f"KServe {SOURCE.version} cannot be built: {error.output[-2000:]}") from error
    print(f"built KServe {SOURCE.version} in {time.monotonic() - started_s:.0f} s: {folder}", file=sys.stderr)


def _download(go: Go, scratch: Path) -> Path:
    done = subprocess.run(
        [go.program, "mod", "download", "-json", f"{SOURCE.module}@{SOURCE.version}"],
        cwd=scratch, env=go.environment(scratch) | {"GOSUMDB": "off"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    answer = json.loads(done.stdout) if done.stdout.strip() else {"Error": done.stderr.strip()}
    if "Error" in answer:
        raise KServeError(f"{SOURCE.module} {SOURCE.version} cannot be downloaded: {answer['Error']}")
    if answer["Sum"] != SOURCE.sum:
        raise KServeError(f"{SOURCE.module} {SOURCE.version} has the hash {answer['Sum']}, not {SOURCE.sum}: not used")
    return Path(answer["Dir"])
