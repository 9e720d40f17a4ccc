"""What can go wrong; every message is one paragraph for people: what failed, why, what to do.

KustomizeError
    KustomizeNotFound   no program of the wanted version, and none could be built
    BuildError          `kustomize build` refused; names the file
    EditError           a kustomization could not be changed; it is as it was
    OutOfTime           a run of Kustomize took longer than it may
"""

from pathlib import Path


class KustomizeError(Exception):
    """What every error of this package is."""


class KustomizeNotFound(KustomizeError):  # noqa: N818 - reads as kustomize's own words
    """There is no such program, and it could not be built."""


class BuildError(KustomizeError):
    """`kustomize build` refused.

    Args:
        message: one paragraph; begins with the file.
        file: the file at fault as far as Kustomize names one, else the kustomization that was built.
    """

    def __init__(self, message: str, file: Path) -> None:
        super().__init__(message)
        self.file = file


class EditError(KustomizeError):
    """A kustomization could not be changed."""


class OutOfTime(KustomizeError):  # noqa: N818 - likewise
    """A run took longer than it may."""
