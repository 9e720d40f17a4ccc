"""Build overlays as a cluster would get them: alone, with components, with one more layer on top.

Each is built in a copy, so that the repository's own files need not change for it. What was built once is not built
again: the answer is kept under a hash of the files that it came from.
"""

import atexit
import functools
import hashlib
import itertools
import shutil
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from pykustomize import BuildError, Kustomize
from tools.manifests.kustomization import NAME, load, save
from tools.manifests.model import Manifest, Rendering

ROOT = Path(__file__).resolve().parent.parent.parent
ENVIRONMENTS = ("kind", "prod")
# An overlay whose pods KServe makes, which components/ cannot patch: it has components of its own below it.
KSERVE = "kserve"
OVERLAYS = (*ENVIRONMENTS, KSERVE)
# What a build reads.
SOURCES = (
    "base",
    "overlays",
    "components",
    "apps/model-server/kustomization.yaml",
    "apps/model-server/models.config",
)
# What does not go together, an overlay or a component with a component, and why.
NOT_TOGETHER = {
    frozenset({"kind", "gpu"}): "a kind node offers no nvidia.com/gpu: the pod would stay Pending",
}
# Kustomize runs as a process of its own; more of them than cores only wait.
WORKERS = 2


class Combination(NamedTuple):
    """An overlay and the components that are added to it."""

    environment: str
    components: tuple[str, ...] = ()


def all_components(tree: Path = ROOT) -> tuple[str, ...]:
    """Name the components of a tree, in the order in which they are applied."""
    return tuple(sorted(path.parent.name for path in (tree / "components").glob(f"*/{NAME}")))


def own_components(environment: str, tree: Path = ROOT) -> tuple[str, ...]:
    """Name the components that an overlay has below it, for itself alone."""
    return tuple(sorted(path.parent.name for path in (tree / "overlays" / environment).glob(f"*/{NAME}")))


def reason_against(names: Iterable[str]) -> str | None:
    """Tell why an overlay and components do not go together; None when they do."""
    chosen = set(names)
    return next((reason for pair, reason in NOT_TOGETHER.items() if pair <= chosen), None)


def combinations(tree: Path = ROOT) -> list[Combination]:
    """Give every overlay with every set of components that it lacks and that goes with it, the overlays alone first.

    KServe's comes last, alone and with each of its own.
    """
    listed = {environment: listed_components(tree / "overlays" / environment) for environment in ENVIRONMENTS}
    return [
        Combination(environment, chosen)
        for count in range(len(all_components(tree)) + 1)
        for environment in ENVIRONMENTS
        for chosen in itertools.combinations(all_components(tree), count)
        if reason_against((environment, *chosen)) is None and not listed[environment].intersection(chosen)
    ] + [Combination(KSERVE), *(Combination(KSERVE, (name,)) for name in own_components(KSERVE, tree))]


def render(
    environment: str, components: Sequence[str] = (), tree: Path = ROOT, *, extra: Path | None = None
) -> Rendering:
    """Build an overlay.

    Args:
        environment: the overlay's folder name.
        components: names under components/ to add to those that the overlay lists; applied before `release`.
        tree: the repository, or a folder like it.
        extra: a file whose first YAML document is a Component, to lay over the overlay as a layer of its own, so it
            sees and can change what the overlay made. Objects that the Component adds are the further documents.
    Returns: the rendering; its `tree` is the copy that was built, which lives as long as this process. With `extra`
        its top is the folder that `top_of` names.
    Raises: ValueError for components that do not go together; KustomizeError, which names the file.
    """
    if reason := reason_against((environment, *components)):
        raise ValueError(f"{' + '.join((environment, *components))}: {reason}")
    wanted = tuple(
        name for name in sorted(components) if name not in listed_components(tree / "overlays" / environment)
    )
    key = repr((digest_of(tree), environment, wanted, extra and extra.read_text()))
    with _lock:
        kept = _kept.get(key)
    if kept is None:
        copy = copy_of(tree)
        _add_components(copy / "overlays" / environment, wanted)
        if extra is not None:
            _add_layer(copy, environment, extra)
        try:
            kept = Rendering(environment, build(top_of(copy, environment)), tuple(sorted(components)), copy)
        except BuildError as error:
            # People know the file that was copied.
            raise BuildError(str(error).replace(f"{copy}/", ""), error.file) from error
        with _lock:
            _kept[key] = kept
    return kept


def render_all(wanted: Iterable[Combination] | None = None, tree: Path = ROOT) -> list[Rendering]:
    """Build combinations at once: all sensible ones, or those that are given."""
    with ThreadPoolExecutor(WORKERS) as pool:
        return list(
            pool.map(
                lambda one: render(one.environment, one.components, tree),
                combinations(tree) if wanted is None else wanted,
            )
        )


def top_of(tree: Path, environment: str) -> Path:
    """Give the folder to build: the layer over an overlay where there is one, else the overlay."""
    layer = tree / "overlays" / f"{environment}-extra"
    return layer if layer.is_dir() else tree / "overlays" / environment


def digest_of(tree: Path, *below: str) -> str:
    """Give a hash of what a build reads, or of the part of it in some folders."""
    digest = hashlib.sha256()
    for path in _files(tree):
        if not below or path.relative_to(tree).parts[0] in below:
            digest.update(f"{path.relative_to(tree)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def copy_of(tree: Path) -> Path:
    """Copy what a build reads to a folder that is removed when this process ends."""
    copy = Path(tempfile.mkdtemp(dir=_scratch()))
    for path in _files(tree):
        target = copy / path.relative_to(tree)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    return copy


def build(folder: Path) -> tuple[Manifest, ...]:
    """Build a folder as it stands. Raises: KustomizeError."""
    return tuple(_kustomize().build(folder))


@functools.cache
def _kustomize() -> Kustomize:
    return Kustomize.find()


_kept: dict[str, Rendering] = {}
_lock = threading.Lock()
_scratch_folder: list[Path] = []


def _scratch() -> Path:
    with _lock:
        if not _scratch_folder:
            _scratch_folder.append(Path(tempfile.mkdtemp(prefix="manifests-")))
            atexit.register(shutil.rmtree, _scratch_folder[0], ignore_errors=True)
        return _scratch_folder[0]


def _files(tree: Path) -> Iterator[Path]:
    for source in SOURCES:
        path = tree / source
        yield from sorted(found for found in path.rglob("*") if found.is_file()) if path.is_dir() else [path]


def listed_components(folder: Path) -> set[str]:
    """Name the components that an overlay lists."""
    return {Path(entry).name for entry in load(folder / NAME).get("components", ())}


def _add_components(folder: Path, names: Sequence[str]) -> None:
    if not names:
        return
    kustomization = load(folder / NAME)
    listed: list[str] = kustomization.setdefault("components", [])
    at = listed.index("release") if "release" in listed else len(listed)
    own = {path.parent.name for path in folder.glob(f"*/{NAME}")}
    listed[at:at] = [name if name in own else f"../../components/{name}" for name in names]
    save(folder / NAME, kustomization)


def _add_layer(copy: Path, environment: str, extra: Path) -> None:
    documents: list[dict[str, Any]] = [found for found in yaml.safe_load_all(extra.read_text()) if found]
    component, added = documents[0], documents[1:]
    layer = copy / "overlays" / f"{environment}-extra"
    (layer / "component").mkdir(parents=True)
    if added:
        (layer / "component" / "added.yaml").write_text(yaml.safe_dump_all(added))
        component.setdefault("resources", []).append("added.yaml")
    save(layer / "component" / NAME, component)
    save(layer / NAME, {"kind": "Kustomization", "resources": [f"../{environment}"], "components": ["component"]})
