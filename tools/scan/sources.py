"""What is scanned: the overlays as built, and the repository's files by kind."""

import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from tools.manifests.model import Rendering
from tools.manifests.rendering import Combination, combinations, render_all

WORKFLOWS = ".github/workflows"
MANIFESTS = "manifests"


@dataclass(frozen=True)
class Sources:
    """Files by their path below the tree; renderings as manifests/<name>.yaml below a folder of their own."""

    tree: Path
    folder: Path
    renderings: tuple[Rendering, ...] = ()
    dockerfiles: tuple[Path, ...] = ()
    workflows: tuple[Path, ...] = ()
    yaml_files: tuple[Path, ...] = ()
    scripts: tuple[Path, ...] = ()

    def manifests(self) -> dict[Path, str]:
        """Give the file of each rendering and the rendering's name."""
        return {Path(MANIFESTS) / file_name(rendering): str(rendering) for rendering in self.renderings}


def gather(tree: Path, folder: Path) -> Sources:
    """Find what is to be scanned in a Git work tree and write the renderings to an empty folder."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=tree, capture_output=True, text=True, check=True).stdout.split("\0")
    files = [Path(name) for name in sorted(set(names)) if name and (tree / name).is_file()]
    yaml_files = tuple(path for path in files if path.suffix in {".yaml", ".yml"})
    sources = Sources(
        tree,
        folder,
        render_largest(tree),
        dockerfiles=tuple(path for path in files if path.name.split(".")[0] == "Dockerfile"),
        workflows=tuple(path for path in yaml_files if path.parent == Path(WORKFLOWS)),
        yaml_files=yaml_files,
        scripts=tuple(path for path in files if _is_script(tree / path)),
    )
    lay_out(sources)
    return sources


def lay_out(sources: Sources) -> None:
    """Write the folder: renderings, and copies of Dockerfiles and workflows for a scanner that takes whole folders."""
    (sources.folder / MANIFESTS).mkdir()
    write(sources.renderings, sources.folder / MANIFESTS)
    for path in (*sources.dockerfiles, *sources.workflows):
        (sources.folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(sources.tree / path, sources.folder / path)


def largest(wanted: Sequence[Combination]) -> list[Combination]:
    """Keep the overlays alone and the combinations that no larger one holds; others add no object."""
    return [
        one
        for one in wanted
        if not one.components
        or not any(
            other.environment == one.environment and set(one.components) < set(other.components) for other in wanted
        )
    ]


def render_largest(tree: Path) -> tuple[Rendering, ...]:
    """Build every overlay, alone and with as many components as go together."""
    return tuple(render_all(largest(combinations(tree)), tree))


def write(renderings: Iterable[Rendering], folder: Path) -> None:
    """Write each rendering as one file."""
    for rendering in renderings:
        (folder / file_name(rendering)).write_text(yaml.safe_dump_all(rendering.objects, sort_keys=False))


def file_name(rendering: Rendering) -> str:
    """Name a rendering's file: prod-canary-gpu.yaml."""
    return "-".join((rendering.environment, *rendering.components)) + ".yaml"


def _is_script(path: Path) -> bool:
    with path.open("rb") as file:
        first = file.readline(80)
    return first.startswith(b"#!") and first.rstrip().endswith((b"bash", b"/sh"))
