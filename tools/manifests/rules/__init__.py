"""The rules: one small function each, in a module by subject; every module of this package is found by itself.

    @rule("memory-limit")
    @each_container
    def memory_limit(container: Container) -> Iterator[str]:
        '''Every container has a memory limit.'''
        if not at(container.definition, "resources", "limits", "memory"):
            yield "has no memory limit"

Each has a fixture in tests/fixtures/invalid that turns it red, and no other rule.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from tools.manifests.model import Check, Finding, Rendering, Repository, RepositoryCheck

Judged = TypeVar("Judged", Rendering, Repository)
_WRONG_SHAPE = (KeyError, TypeError, AttributeError, ValueError, ArithmeticError)


@dataclass(frozen=True)
class Rule:
    """A rule about every rendering (`check`) or about the repository as a whole (`repository_check`)."""

    name: str
    sentence: str  # the rule in words
    check: Check | None = None
    repository_check: RepositoryCheck | None = None

    def judge(self, rendering: Rendering) -> list[Finding]:
        """Give what breaks this rule in a rendering."""
        return list(self._named(self.check, rendering, str(rendering))) if self.check else []

    def judge_repository(self, repository: Repository) -> list[Finding]:
        """Give what breaks this rule in the files, or in the overlays beside each other."""
        return list(self._named(self.repository_check, repository, "")) if self.repository_check else []

    def _named(self, check: Callable[[Judged], Iterable[Finding]], judged: Judged, where: str) -> Iterator[Finding]:
        try:
            for finding in check(judged):
                yield replace(finding, rule=self.name, where=finding.where or where)
        except _WRONG_SHAPE as error:
            # A rule may trust that objects have the shape that the rule `schema` asks for.
            message = f"cannot be judged: {error!r}; what has another shape than its schema says?"
            yield Finding("objects", message, self.name, where)


_RULES: dict[str, Rule] = {}


def rule(name: str) -> Callable[[Check], Check]:
    """Register a rule about every rendering; its docstring's first sentence is the rule in words."""

    def register(check: Check) -> Check:
        _add(Rule(name, _sentence(check), check=check))
        return check

    return register


def repository_rule(name: str) -> Callable[[RepositoryCheck], RepositoryCheck]:
    """Register a rule about the repository as a whole: its files, or its overlays beside each other."""

    def register(check: RepositoryCheck) -> RepositoryCheck:
        _add(Rule(name, _sentence(check), repository_check=check))
        return check

    return register


def rules() -> tuple[Rule, ...]:
    """Give every rule of every module in this package, by name."""
    for module in pkgutil.iter_modules(__path__, f"{__name__}."):
        importlib.import_module(module.name)
    return tuple(_RULES[name] for name in sorted(_RULES))


def _add(new: Rule) -> None:
    if new.name in _RULES:
        raise ValueError(f"two rules are called {new.name}")
    _RULES[new.name] = new


def _sentence(check: Callable[..., object]) -> str:
    if not check.__doc__:
        raise ValueError(f"{check} has no docstring to say the rule")
    return " ".join(check.__doc__.split()).partition(". ")[0].rstrip(".") + "."
