"""Find entries of kustomizations that do nothing.

Kustomize is silent about an image, a patch's target, a replacement's target or a label that selects no object. So each
entry is left out once and the build done again: where the outcome is the same, the entry matches nothing, or says what
is so anyway.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from pykustomize import KustomizeError
from tools.manifests.kustomization import NAME, load, save
from tools.manifests.model import Finding, Rendering
from tools.manifests.rendering import WORKERS, build, copy_of, digest_of, top_of

# What a kustomization is, and what it makes rather than changes; a generator that merges into nothing fails to build.
NOT_JUDGED = {
    "apiVersion",
    "kind",
    "metadata",
    "resources",
    "configMapGenerator",
    "secretGenerator",
    "generatorOptions",
}
Steps = tuple[str | int, ...]
# What was found out in this process; keys hold the hash of the files that a build reads.
_known: dict[tuple[str, str, str, Steps], bool] = {}


class Entry(NamedTuple):
    """One entry of a kustomization file, in a rendering that the file is part of."""

    rendering: Rendering
    file: Path  # below the rendering's tree
    steps: Steps  # keys and indices that lead to it
    said: str  # the entry as JSON
    alone: bool  # whether the file's own folder is built to see what the entry does; else the overlay


def idle_entries(renderings: Iterable[Rendering]) -> Iterator[Finding]:
    """Give the entries that change nothing.

    An entry of an overlay or a component is judged in each rendering that has one component at most, for it may be
    there for that one (or for one of the overlays); acting in one of them is enough. Others are judged by themselves.
    """
    same: dict[tuple[Path, str, str], list[Entry]] = {}
    for rendering in sorted(renderings, key=lambda one: len(one.components)):
        if len(rendering.components) <= 1:
            for entry in _entries(rendering):
                tried = same.setdefault((entry.file, str(entry.steps[0]), entry.said), [])
                if not (tried and entry.alone):
                    tried.append(entry)
    with ThreadPoolExecutor(WORKERS) as pool:
        acts = pool.map(lambda entries: any(map(_acts_once, entries)), same.values())
        for (file, _, said), entries, acting in zip(same, same.values(), acts, strict=True):
            if not acting:
                message = f"{_path(entries[0].steps)} changes nothing: {said}"
                yield Finding(str(file), message, where=str(entries[0].rendering))


def _entries(rendering: Rendering) -> Iterator[Entry]:
    overlays = rendering.tree.resolve() / "overlays"
    top = top_of(rendering.tree, rendering.environment)
    # What a layer lies on is judged without it.
    for folder in _folders(top) if top.name == rendering.environment else [(top / "component").resolve()]:
        kustomization = load(folder / NAME)
        file = (folder / NAME).relative_to(rendering.tree.resolve())
        alone = kustomization["kind"] != "Component" and folder.parent != overlays
        for steps in _steps(kustomization):
            yield Entry(rendering, file, steps, json.dumps(_at(kustomization, steps)), alone)


def _folders(folder: Path) -> Iterator[Path]:
    folder = folder.resolve()
    yield folder
    kustomization = load(folder / NAME)
    for name in (*kustomization.get("resources", ()), *kustomization.get("components", ())):
        if (folder / name).is_dir():
            yield from _folders(folder / name)


def _steps(kustomization: dict[str, Any]) -> Iterator[Steps]:
    for field, value in kustomization.items():
        if field in NOT_JUDGED:
            continue
        if not isinstance(value, list):
            yield (field,)
            continue
        for index, entry in enumerate(value):
            targets = entry.get("targets", ()) if field == "replacements" else ()
            if len(targets) > 1:
                yield from ((field, index, "targets", target) for target in range(len(targets)))
            else:
                yield (field, index)


def _acts_once(entry: Entry) -> bool:
    read, environment = (("base", "apps"), "") if entry.alone else ((), entry.rendering.environment)
    key = (digest_of(entry.rendering.tree, *read), environment, str(entry.file), entry.steps)
    if key not in _known:
        _known[key] = _acts(entry)
    return _known[key]


def _acts(entry: Entry) -> bool:
    tree = copy_of(entry.rendering.tree)
    folder = (tree / entry.file).parent if entry.alone else top_of(tree, entry.rendering.environment)
    before = build(folder) if entry.alone else entry.rendering.objects
    kustomization = load(tree / entry.file)
    del _at(kustomization, entry.steps[:-1])[entry.steps[-1]]
    save(tree / entry.file, kustomization)
    try:
        return build(folder) != before
    except KustomizeError:
        return True  # nothing can be built without it


def _at(value: Any, steps: Sequence[str | int]) -> Any:
    for step in steps:
        value = value[step]
    return value


def _path(steps: Steps) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).lstrip(".")
