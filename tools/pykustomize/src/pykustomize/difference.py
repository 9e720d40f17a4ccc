"""Compare two builds object by object."""

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from pykustomize._yaml import dump

Object = Mapping[str, Any]
# What Kustomize appends to the name of a generated object: ten letters of this alphabet (kyaml/.../hasher).
_HASH = re.compile(r"-[2456789bcdfghkmt]{10}$")
_GENERATED = ("ConfigMap", "Secret")


class Key(NamedTuple):
    """What makes an object the same one in both builds; a generated one's name is without its hash."""

    api_version: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        """Give `Deployment/gateway (classifiers-prod)`."""
        return f"{self.kind}/{self.name}" + (f" ({self.namespace})" if self.namespace else "")


@dataclass(frozen=True)
class Change:
    """An object that is in one build only (the other side is None), or differs."""

    key: Key
    before: Object | None
    after: Object | None

    @property
    def verb(self) -> str:
        """Give `added`, `removed` or `changed`."""
        return "added" if self.before is None else "removed" if self.after is None else "changed"

    def __str__(self) -> str:
        """Give the unified diff of the object's YAML."""
        before, after = (dump(side).splitlines() if side is not None else [] for side in (self.before, self.after))
        old, new = (str(self.key) if side is not None else "/dev/null" for side in (self.before, self.after))
        return "\n".join(difflib.unified_diff(before, after, old, new, lineterm=""))


@dataclass(frozen=True)
class Difference:
    """What makes two builds differ; false when nothing does. Each part is in the order of kind, namespace and name."""

    added: tuple[Change, ...] = ()
    removed: tuple[Change, ...] = ()
    changed: tuple[Change, ...] = ()

    def __iter__(self) -> Iterator[Change]:
        """Give every change: removed, added, changed."""
        return iter((*self.removed, *self.added, *self.changed))

    def __bool__(self) -> bool:
        """Tell whether anything differs."""
        return any(True for _ in self)

    @property
    def summary(self) -> str:
        """Give `1 removed, 2 added, 3 changed`."""
        parts = ((len(self.removed), "removed"), (len(self.added), "added"), (len(self.changed), "changed"))
        return ", ".join(f"{count} {word}" for count, word in parts if count) or "no difference"

    def __str__(self) -> str:
        """Give the unified diffs of all objects; empty when nothing differs."""
        return "\n".join(str(change) for change in self)


def diff(before: Iterable[Object], after: Iterable[Object]) -> Difference:
    """Compare two builds.

    An object is the same one when apiVersion, kind, namespace and name are; for a generated ConfigMap or Secret the
    name without its hash, so that new contents read as a change. Order of objects and of keys does not count.
    """
    olds, news = tuple(before), tuple(after)
    ambiguous = _ambiguous(olds) | _ambiguous(news)
    old, new = ({_key(found, ambiguous): found for found in side} for side in (olds, news))
    both = sorted(old.keys() & new.keys(), key=_order)
    return Difference(
        added=tuple(Change(key, None, new[key]) for key in sorted(new.keys() - old.keys(), key=_order)),
        removed=tuple(Change(key, old[key], None) for key in sorted(old.keys() - new.keys(), key=_order)),
        # As text: for Python 1 == True, for Kubernetes not.
        changed=tuple(Change(key, old[key], new[key]) for key in both if dump(old[key]) != dump(new[key])),
    )


def _key(found: Object, ambiguous: frozenset[Key] | None = None) -> Key:
    metadata = found["metadata"]
    exact = Key(found["apiVersion"], found["kind"], metadata.get("namespace") or "", metadata.get("name") or "")
    if exact.kind not in _GENERATED:
        return exact
    short = exact._replace(name=_HASH.sub("", exact.name))
    return exact if short in (ambiguous or ()) else short


def _ambiguous(side: Iterable[Object]) -> frozenset[Key]:
    """Find names that two objects of one build would share without their hashes: those keep them."""
    return frozenset(key for key, count in Counter(map(_key, side)).items() if count > 1)


def _order(key: Key) -> tuple[str, str, str, str]:
    return key.kind, key.namespace, key.name, key.api_version
