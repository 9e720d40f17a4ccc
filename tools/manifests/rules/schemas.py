"""Every object is what its API says it is."""

from collections.abc import Iterator

from tools.manifests.model import Finding, Repository, name_of
from tools.manifests.rules import repository_rule
from tools.manifests.schemas import key_of, validate


@repository_rule("schema")
def schema(repository: Repository) -> Iterator[Finding]:
    """Every object is valid by the schema of its kind, without a field that the schema does not know.

    All renderings are judged in one run; an object that many of them share is told once.
    """
    first = {key_of(found): (found, str(one)) for one in reversed(repository.renderings) for found in one.objects}
    for key, message in validate(found for found, _ in first.values()).items():
        found, where = first[key]
        yield Finding(name_of(found), message, where=where)
