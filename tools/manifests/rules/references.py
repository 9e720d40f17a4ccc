"""Every entry of a kustomization does something."""

from collections.abc import Iterator

from tools.manifests.model import Finding, Repository
from tools.manifests.references import idle_entries
from tools.manifests.rules import repository_rule


@repository_rule("idle-entry")
def idle_entry(repository: Repository) -> Iterator[Finding]:
    """Every image, patch, replacement, label and component that a kustomization lists changes the outcome."""
    return idle_entries(repository.renderings)
