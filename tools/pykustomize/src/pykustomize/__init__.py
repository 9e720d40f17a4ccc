"""A typed Python wrapper of Kustomize: build to objects, set images, compare builds. It brings its own Kustomize."""

from pykustomize.errors import BuildError, EditError, KustomizeError, KustomizeNotFound, OutOfTime

__all__ = ["BuildError", "EditError", "KustomizeError", "KustomizeNotFound", "OutOfTime"]
