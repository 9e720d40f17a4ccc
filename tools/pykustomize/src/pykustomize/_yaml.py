"""Read and write YAML as Kubernetes means it, with libyaml where PyYAML has it (ten times as fast)."""

from typing import Any

import yaml

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _BuildLoader(_Loader):  # type: ignore[misc]
    """Reads `=`, `<<` and dates as the strings that they are in a build; PyYAML stops at the first two (YAML 1.1)."""


_STRINGS = {f"tag:yaml.org,2002:{name}" for name in ("value", "merge", "timestamp")}
_BuildLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _STRINGS]
    for first, resolvers in _Loader.yaml_implicit_resolvers.items()
}


class _ReadableDumper(_Dumper):  # type: ignore[misc]
    """Writes text of several lines as a block, so that a diff of it shows lines, and repeats what is shared."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - PyYAML's signature
        """Write no anchors: Kubernetes' files have none."""
        return True


def _text(dumper: Any, text: str) -> Any:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_ReadableDumper.add_representer(str, _text)


def load_all(text: str) -> list[dict[str, Any]]:
    """Read the objects of a build, without empty documents."""
    return [found for found in yaml.load_all(text, _BuildLoader) if found]


def load(text: str) -> Any:
    """Read one document that a person wrote."""
    return yaml.load(text, _Loader)  # noqa: S506 - likewise


def dump(value: object) -> str:
    """Write a value with its keys in order, so that equal values give equal text."""
    written: str = yaml.dump(value, Dumper=_ReadableDumper, sort_keys=True, width=10_000, allow_unicode=True)
    return written
