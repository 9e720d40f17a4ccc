"""A typed Python wrapper of Kustomize: build to objects, set images, compare builds. It brings its own Kustomize."""

from pykustomize.difference import Change, Difference, diff
from pykustomize.errors import BuildError, EditError, KustomizeError, KustomizeNotFound, OutOfTime
from pykustomize.kustomize import VERSION, Kustomize

__all__ = [
    "VERSION",
    "BuildError",
    "Change",
    "Difference",
    "EditError",
    "Kustomize",
    "KustomizeError",
    "KustomizeNotFound",
    "OutOfTime",
    "diff",
]
