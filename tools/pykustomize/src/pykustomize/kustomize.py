"""Find Kustomize, build with it, and set images."""

import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pykustomize import tools
from pykustomize._images import with_image
from pykustomize._yaml import load, load_all
from pykustomize.errors import BuildError, EditError, KustomizeNotFound, OutOfTime

PACKAGE = "sigs.k8s.io/kustomize/kustomize/v5"
# Where no go.mod pins another one. A test holds it to this repository's.
VERSION = "v5.8.1"
# The names that Kustomize looks for, in its order.
NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
# What Kustomize puts before a reason: how it got to the file.
_WAY = re.compile(r"accumulati(?:ng resources|on err=')[^:]*'?: ?|(?:path '[^']*'|must resolve to a file'): ?")
_REPOSITORY = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Kustomize:
    """A Kustomize program. Args: program: its path; version: `v5.8.1`; timeout_s: limit for one run, seconds."""

    program: Path
    version: str
    timeout_s: float = 60.0

    @classmethod
    def find(
        cls,
        version: str | None = None,
        *,
        go_mod: Path | None = None,
        cache: Path | None = None,
        timeout_s: float = 60.0,
    ) -> "Kustomize":
        """Give a Kustomize of exactly one version.

        Looks, in this order: $KUSTOMIZE (a path; its version is taken as it is), `kustomize` on PATH if it is of that
        version, the cache; else builds it into the cache, which takes about a minute, and says so on standard error.

        Args:
            version: `v5.8.1`. Not given: what `go_mod` pins, else `VERSION`.
            go_mod: a go.mod that requires Kustomize; it is built with the dependencies of that file and its go.sum.
                Not given: tools/go.mod where this package is used inside its repository.
            cache: folder for what is built; not given: `$XDG_CACHE_HOME/pykustomize` or `~/.cache/pykustomize`.
            timeout_s: limit for each later run, seconds.
        Raises: KustomizeNotFound: one paragraph that says what was tried.
        """
        if go_mod is None and version is None:
            go_mod = _own_go_mod()
        pinned = tools.pinned(go_mod, PACKAGE) if go_mod else VERSION
        wanted = f"v{version.removeprefix('v')}" if version else pinned
        if chosen := os.environ.get("KUSTOMIZE"):
            says = _version(Path(chosen))
            if says is None:
                raise KustomizeNotFound(f"KUSTOMIZE={chosen} is no Kustomize that runs. Correct the path, or unset it.")
            return cls(Path(chosen), says, timeout_s)
        on_path = shutil.which("kustomize")
        if on_path and _version(Path(on_path)) == wanted:
            return cls(Path(on_path), wanted, timeout_s)
        # A go.mod builds the version that it pins, not another one.
        program = tools.build(PACKAGE, wanted, go_mod=go_mod if wanted == pinned else None, cache=cache)
        return cls(program, wanted, timeout_s)

    def build_yaml(self, path: Path | str) -> str:
        """Build a folder that holds a kustomization.

        Returns: the objects as a YAML stream.
        Raises: BuildError, which names the file at fault; OutOfTime.
        """
        done = self._run("build", str(path))
        if done.returncode:
            raise _build_error(done.stderr, Path(path))
        return done.stdout

    def build(self, path: Path | str) -> list[dict[str, Any]]:
        """Build a folder that holds a kustomization. Returns: its objects, in order. Raises: as `build_yaml`."""
        return load_all(self.build_yaml(path))

    def set_image(
        self,
        folder: Path | str,
        image: str,
        *,
        name: str | None = None,
        tag: str | None = None,
        digest: str | None = None,
    ) -> bool:
        """Set what an image is replaced by, as `kustomize edit set image` does, but keep comments and layout.

        What is not given stays, but a new tag removes the digest and the other way round, unless both are given.

        Args:
            folder: holds a kustomization or a component.
            image: the name that the manifests use.
            name: what it becomes, with its registry.
            tag: the new tag.
            digest: `sha256:` and 64 hexadecimal digits.
        Returns: whether the file changed.
        Raises: EditError; the file is as it was. ValueError for a digest or tag that can be none.
        """
        if digest is not None and not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
            raise ValueError(f"a digest is sha256: and 64 hexadecimal digits, not {digest!r}")
        if tag is not None and not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", tag):
            raise ValueError(f"a tag is up to 128 letters, digits, dots, dashes and underscores, not {tag!r}")
        if name is None and tag is None and digest is None:
            raise ValueError("nothing to set: give name, tag or digest")
        file = _kustomization(Path(folder))
        text = file.read_text(encoding="utf-8")
        kept = "@*" if "digest" in _entry(text, image, file) else ":*"
        version = (f":{tag}" if tag else "") + (f"@{digest}" if digest else "") or kept
        theirs = self._edited(file, f"{image}={name or '*'}{version}")
        ours = with_image(text, _entry(theirs, image, file))
        if ours is None or _sorted_images(load(ours)) != _sorted_images(load(theirs)):
            if "#" in text:
                raise EditError(
                    f"{file}: `kustomize edit` would lose the comments, and the images are no plain list with one "
                    f"key a line. Write them so, or remove the comments. Nothing was changed."
                )
            ours = theirs
        if ours == text:
            return False
        _replace(file, ours)
        return True

    def _edited(self, file: Path, argument: str) -> str:
        with tempfile.TemporaryDirectory(prefix="pykustomize-") as scratch:
            copy = Path(scratch) / file.name
            shutil.copyfile(file, copy)
            done = self._run("edit", "set", "image", argument, cwd=Path(scratch))
            if done.returncode:
                raise EditError(
                    f"{file}: Kustomize could not set {argument}: {_first(done.stderr)}. Nothing was changed."
                )
            return copy.read_text(encoding="utf-8")

    def _run(self, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                [self.program, *arguments], cwd=cwd, capture_output=True, text=True, timeout=self.timeout_s, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise OutOfTime(
                f"kustomize {' '.join(arguments)} was not done after {self.timeout_s:g} s and was ended. A remote "
                "resource that does not answer is the usual reason; a higher timeout_s waits longer."
            ) from error
        except OSError as error:
            raise KustomizeNotFound(f"{self.program} does not run: {error.strerror}") from error


def _own_go_mod() -> Path | None:
    """Find the go.mod of the repository that this file is part of; an installed package has none."""
    go_mod = _REPOSITORY / "go.mod"
    return go_mod if Path(__file__).parent.parent.name == "src" and go_mod.is_file() else None


def _version(program: Path) -> str | None:
    try:
        said = subprocess.run([program, "version"], capture_output=True, text=True, timeout=30, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    # `v5.8.1`; releases before 5 say {Version:kustomize/v4.5.7 ...}; a build of one's own says (devel).
    found = re.search(r"v\d+\.\d+\.\d+(?:-[\w.]+)?|\(devel\)", said)
    return found[0] if found else None


def _build_error(said: str, folder: Path) -> BuildError:
    message = _first(said)
    file = _at_fault(message, folder) or next((folder / name for name in NAMES if (folder / name).is_file()), folder)
    if re.search(r"lstat .+?: no such file", message):
        return BuildError(f"{file} is not there. Kustomize refused to build {folder}: it names that file.", file)
    # Kustomize tells first that the file is no folder either, and which way it came: only the last reason helps.
    reason = re.sub(r"': must build at directory: .*$", "", message)
    reason = _WAY.split(reason)[-1].strip()
    return BuildError(f"{file}: {reason or message}. Kustomize refused to build {folder}.", file)


def _at_fault(message: str, folder: Path) -> Path | None:
    """Find the file in Kustomize's words: it names paths in full, or from the folder that it was in just then."""
    missing = re.findall(r"lstat (.+?): no such file", message)
    if missing:
        return Path(missing[-1])
    inside = [Path(found) for found in re.findall(r"(?:accumulation of|target for) path '([^']+)'", message)]
    named = re.findall(r"in File: (\S+)|resources from '([^']+)'|path: \"?([^\s\"\]]+)", message)
    for groups in reversed(named):
        name = next(str(group) for group in groups if group)
        for place in (*reversed(inside), folder):
            if (place / name).is_file():
                return place / name
    return next((place / name for place in reversed(inside) for name in NAMES if (place / name).is_file()), None)


def _first(said: str) -> str:
    """Give Kustomize's error without the help that it prints after it, in one line."""
    return " ".join(said.partition("Usage:")[0].removeprefix("Error: ").replace("`", "").split()).rstrip(".")


def _kustomization(folder: Path) -> Path:
    for name in NAMES:
        if (folder / name).is_file():
            return folder / name
    raise EditError(f"{folder} holds no {NAMES[0]}: name the folder of an overlay or a component")


def _entry(text: str, image: str, file: Path) -> dict[str, str]:
    try:
        images = (load(text) or {}).get("images") or ()
        return next((dict(found) for found in images if found.get("name") == image), {})
    except Exception as error:  # PyYAML's tree of errors, and whatever else stands there instead of a mapping
        raise EditError(f"{file} cannot be read: {' '.join(str(error).split())}. Nothing was changed.") from error


def _sorted_images(kustomization: dict[str, Any]) -> dict[str, Any]:
    """Bring `images:` into the order that `kustomize edit` gives it: which is first never matters to a build."""
    return {**kustomization, "images": sorted(kustomization.get("images", ()), key=lambda found: found["name"])}


def _replace(file: Path, text: str) -> None:
    partial = file.with_name(f".{file.name}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        shutil.copymode(file, partial)
        partial.replace(file)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise EditError(f"{file} cannot be written: {error.strerror}. Nothing was changed.") from error
