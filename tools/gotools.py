"""Give the Go programs that this repository's checks call, as tools/go.mod pins them.

`python -m tools.gotools kubeconform` prints the path; what is not there yet is built into the cache first.
"""

import argparse
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from pykustomize import KustomizeError
from pykustomize.tools import build, name_of, pinned

GO_MOD = Path(__file__).with_name("go.mod")
# How each says its version. A build of one's own says none, or "development"; such a one on PATH is not taken.
VERSION_ARGUMENT = {
    "actionlint": "-version",
    "kind": "version",
    "kube-score": "version",
    "kubeconform": "-v",
    "kustomize": "version",
}


def packages(go_mod: Path = GO_MOD) -> dict[str, str]:
    """Read the `tool` lines of a go.mod: the name of each program and its package."""
    block = re.search(r"^tool \((.*?)^\)", go_mod.read_text(), re.MULTILINE | re.DOTALL)
    return {name_of(package): package for package in (block[1] if block else "").split()}


def tool(name: str, go_mod: Path = GO_MOD) -> Path:
    """Give a program in exactly the pinned version: from PATH, else from the cache, else built.

    Args:
        name: one of `packages()`.
        go_mod: the file that pins it.
    Raises: KustomizeError, with a sentence, when it is not to be had; KeyError for another name.
    """
    package = packages(go_mod)[name]
    version = pinned(go_mod, package)
    on_path = shutil.which(name)
    if on_path and _says(on_path, VERSION_ARGUMENT[name], version):
        return Path(on_path)
    return build(package, version, go_mod=go_mod)


def _says(program: str, argument: str, version: str) -> bool:
    try:
        done = subprocess.run([program, argument], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return re.search(rf"(?<![\w.]){re.escape(version[1:])}(?![\w.+-])", done.stdout.replace("v", " ")) is not None


def main(argv: Sequence[str] | None = None) -> int:
    """Print the path of a program. Returns: the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.gotools", description=__doc__)
    parser.add_argument("name", choices=sorted(packages()))
    try:
        print(tool(parser.parse_args(argv).name))
    except KustomizeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
