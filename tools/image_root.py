"""Lay out the root file system of a container image that holds Python, one application and nothing else.

Used by the Dockerfiles' first stage: `python image_root.py ROOT`. What is installed in /app and the interpreter that
runs this are copied below ROOT with every shared library that they load; no shell, package manager or coreutils come
along, so there is less to patch and less for an intruder to use. See docs/decisions/0003-images-from-scratch.md.
"""

import compileall
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

APP = Path("/app")
# Parts of the standard library that no server imports.
UNUSED_STDLIB = (
    "test", "idlelib", "tkinter", "turtledemo", "ensurepip", "lib2to3", "pydoc_data", "site-packages", "dist-packages",
    "__pycache__", "config-*",
)  # fmt: skip
# Tests and headers that wheels carry.
UNUSED_IN_WHEELS = ("tests", "testing", "include", "*.pyi", "*.a", "*.h", "*.pxd")
SYSTEM_FILES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/ld.so.cache", "/etc/nsswitch.conf", "/etc/mime.types")
USER = "app:x:10001:10001:app:/:/sbin/nologin\n"
ELF_MAGIC = b"\x7fELF"


def main(root: Path) -> None:
    """Copy interpreter, standard library, application, shared libraries and a few system files below `root`."""
    copy_interpreter(root)
    for name in ("stdlib", "platstdlib"):
        source = Path(sysconfig.get_path(name))
        shutil.copytree(source, below(root, source), ignore=shutil.ignore_patterns(*UNUSED_STDLIB), dirs_exist_ok=True)
    shutil.copytree(APP, below(root, APP), symlinks=True, dirs_exist_ok=True)
    prune(below(root, APP))
    # A read-only image cannot write byte code later, so every start would compile anew.
    compileall.compile_dir(root, quiet=1, stripdir=str(root), prependdir="/")
    for library in shared_libraries(root):
        copy_file(library, root)
    for name in SYSTEM_FILES:
        if Path(name).exists():
            copy_file(Path(name), root)
    (root / "etc").mkdir(exist_ok=True)
    (root / "etc/passwd").write_text("root:x:0:0:root:/:/sbin/nologin\n" + USER)
    (root / "etc/group").write_text("root:x:0:\napp:x:10001:\n")
    (root / "tmp").mkdir()
    (root / "tmp").chmod(0o1777)


def copy_interpreter(root: Path) -> None:
    """Copy the interpreter to its own path, and link it at /usr/local/bin/python3, wherever the base image has it."""
    executable = Path(sys.executable).resolve()
    copy_file(executable, root)
    link = root / "usr/local/bin/python3"
    link.parent.mkdir(parents=True, exist_ok=True)
    if not link.exists():
        link.symlink_to(executable)


def prune(folder: Path) -> None:
    """Remove what the wheels bring and no server reads."""
    for pattern in UNUSED_IN_WHEELS:
        for path in sorted(folder.rglob(pattern), reverse=True):
            # numpy.testing and numpy._core.tests are imported by nothing that runs here; other packages' are data.
            if path.is_dir() and not path.is_symlink() and "numpy" in path.parts:
                shutil.rmtree(path)
            elif path.is_file():
                path.unlink()


def shared_libraries(root: Path) -> Iterator[Path]:
    """Yield every library outside /app that the programs and modules below `root` load, as `ldd` resolves them."""
    seen: set[str] = set()
    for path in elf_files(root):
        # Asked of the copy's original, so that $ORIGIN means what it will mean in the image.
        listed = subprocess.run(["ldd", f"/{path.relative_to(root)}"], capture_output=True, text=True, check=False)
        for word in listed.stdout.split():
            if word.startswith("/") and word not in seen and not word.startswith(f"{APP}/"):
                seen.add(word)
                yield Path(word)


def elf_files(root: Path) -> Iterable[Path]:
    """List the ELF files below `root`."""
    found = []
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink():
                with path.open("rb") as file:
                    if file.read(4) == ELF_MAGIC:
                        found.append(path)
    return found


def copy_file(source: Path, root: Path) -> None:
    """Copy one file, what a link points to included, to its own path below `root`."""
    target = below(root, source)
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        shutil.copy2(source.resolve(), target)


def below(root: Path, path: Path) -> Path:
    """Give an absolute path's place below `root`."""
    return root / path.relative_to("/")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
