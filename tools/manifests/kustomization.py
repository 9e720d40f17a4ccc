"""Read and write kustomization files."""

from pathlib import Path
from typing import Any

import yaml

from pykustomize import _yaml

NAME = "kustomization.yaml"


def load(path: Path) -> dict[str, Any]:
    """Read a kustomization."""
    found: dict[str, Any] = _yaml.load(path.read_text(encoding="utf-8")) or {}
    return found


def save(path: Path, kustomization: dict[str, Any]) -> None:
    """Write a kustomization."""
    path.write_text(yaml.safe_dump(kustomization, sort_keys=False), encoding="utf-8")
