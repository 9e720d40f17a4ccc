"""Write Python types as JSON Schema 2020-12, which is that of OpenAPI 3.1."""

import types
from dataclasses import dataclass
from inspect import cleandoc
from typing import Annotated, Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

from gateway.settings import Settings

Schema = dict[str, Any]

_PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean", types.NoneType: "null"}


@dataclass(frozen=True)
class Setting:
    """A field of Settings, in whose place a schema has its value."""

    field: str


class Keywords:
    """Keywords of JSON Schema beside a type: `Annotated[int, Keywords(minimum=0)]`."""

    def __init__(self, **values: Any) -> None:
        self.values = values


class Schemas:
    """Writes schemas, and gathers those that have a name.

    `named` has the gathered ones, by name: OpenAPI's `components/schemas`. Values of settings are those of `settings`.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.named: dict[str, Schema] = {}

    def of(self, kind: Any, *, closed: bool = False) -> Schema:
        """Write a type's schema.

        Args:
            kind: str, int, float, bool, None, object, list, dict, Literal, a union, a TypedDict, or one of them
                Annotated with keywords.
            closed: whether objects have no other members than the TypedDict says.
        """
        if get_origin(kind) is Annotated:
            bare, keywords = get_args(kind)
            return self.of(bare, closed=closed) | self._valued(keywords)
        if is_typeddict(kind):
            return self._reference(kind, closed=closed)
        if kind is object:
            return {}
        return {"type": _PLAIN[kind]} if kind in _PLAIN else self._composed(kind, closed=closed)

    def _composed(self, kind: Any, *, closed: bool) -> Schema:
        origin, parts = get_origin(kind), get_args(kind)
        if origin is Literal:
            return {"enum": list(parts)}
        inner = [self.of(part, closed=closed) for part in parts]
        if origin in (Union, types.UnionType):
            return {"anyOf": inner}
        if origin is list:
            return {"type": "array", "items": inner[0]}
        if origin is dict:
            return {"type": "object", "additionalProperties": inner[1]}
        raise TypeError(f"{kind} has no JSON Schema here")

    def _valued(self, keywords: Keywords) -> Schema:
        return {
            key: getattr(self._settings, value.field) if isinstance(value, Setting) else value
            for key, value in keywords.values.items()
        }

    def _reference(self, kind: Any, *, closed: bool) -> Schema:
        if kind.__name__ not in self.named:
            schema: Schema = {"type": "object", "description": cleandoc(kind.__doc__)}
            schema["properties"] = {
                name: self.of(_bare(member), closed=closed)
                for name, member in get_type_hints(kind, include_extras=True).items()
            }
            schema["required"] = [name for name in schema["properties"] if name in kind.__required_keys__]
            if closed:
                schema["additionalProperties"] = False
            self.named[kind.__name__] = schema
        return {"$ref": f"#/components/schemas/{kind.__name__}"}


def _bare(kind: Any) -> Any:
    """Take NotRequired off: the TypedDict itself knows which members are required."""
    return get_args(kind)[0] if get_origin(kind) is NotRequired else kind
