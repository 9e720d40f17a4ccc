"""What rules look at and what they say."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Manifest = Mapping[str, Any]
"""One Kubernetes object, as YAML has it."""


@dataclass(frozen=True)
class Rendering:
    """An overlay as Kustomize builds it, with further components or without."""

    environment: str  # the overlay's folder: kind, prod
    objects: tuple[Manifest, ...]
    components: tuple[str, ...] = ()  # those of components/ beyond what the overlay itself lists
    tree: Path = field(default=Path(), compare=False)  # the folder that holds the overlays/ that was built

    def __str__(self) -> str:
        """Name it as a finding does: `prod + canary + gpu`."""
        return " + ".join((self.environment, *self.components))

    def of_kind(self, *kinds: str) -> Iterator[Manifest]:
        """Give the objects of these kinds."""
        return (found for found in self.objects if found["kind"] in kinds)


@dataclass(frozen=True)
class Finding:
    """Something that must be mended."""

    subject: str  # Deployment/gateway, or a file
    message: str
    rule: str = ""
    where: str = ""

    def __str__(self) -> str:
        """Give the line that people read."""
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.subject}: {self.message} [{self.rule}]"


@dataclass(frozen=True)
class Repository:
    """All there is: the files, and what Kustomize makes of them."""

    tree: Path
    renderings: tuple[Rendering, ...] = ()

    def overlays(self) -> Iterator[Rendering]:
        """Give the renderings of the overlays as they are, without further components."""
        return (rendering for rendering in self.renderings if not rendering.components)


Check = Callable[[Rendering], Iterable[Finding]]
RepositoryCheck = Callable[[Repository], Iterable[Finding]]


def name_of(manifest: Manifest) -> str:
    """Give KIND/NAME."""
    return f"{manifest['kind']}/{manifest['metadata']['name']}"


def at(value: Any, *path: str, default: Any = None) -> Any:
    """Give what stands at a path of keys, or the default where a key on the way is missing or null."""
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return default if value is None else value
