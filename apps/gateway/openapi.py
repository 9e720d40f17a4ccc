"""GET /openapi.json and /docs: the gateway's own description, made from its routes, messages, problems and settings."""

import re
from collections.abc import Iterator
from functools import cache
from inspect import cleandoc
from typing import Any

from flask import Blueprint, Flask, Response, current_app, jsonify, render_template
from werkzeug.routing import Rule

from gateway import access, messages, problems
from gateway.limits import limits_of, media_types
from gateway.operations import OF_ANY, Operation, operation, operation_of
from gateway.routing import MAX_VERSION
from gateway.schemas import Schemas
from gateway.settings import Settings

Part = dict[str, Any]

_WITH_RETRY_AFTER = (429, 503)
_PARAMETERS: dict[str, Part] = {
    "name": {"description": "A model's name.", "schema": {"type": "string", "pattern": "^[^/:]+$"}},
    "label": {"description": "A version's label.", "schema": {"type": "string", "pattern": "^[^/:]+$"}},
    "version": {
        "description": "A version's number.",
        "schema": {"type": "integer", "minimum": 0, "maximum": MAX_VERSION},
    },
}
_REQUEST_ID = {
    "description": "Of this answer; the caller's own where it sent one of letters, digits, dots and hyphens.",
    "schema": {"type": "string"},
}
_DESCRIPTION = """Pictures in, class probabilities out.

A picture comes as a URL, as base64, as a form's file or as a raw body. A model answers by its newest version, or by the
one of a number or label. Every error is an RFC 9457 problem. `/v2` speaks the Open Inference Protocol."""


def blueprint(settings: Settings) -> Blueprint:
    """Make the route."""
    routes = Blueprint("openapi", __name__)

    @cache
    def document() -> Part:
        return document_of(current_app, settings)

    @routes.get("/openapi.json")
    @operation(dict[str, object])
    def openapi() -> Response:
        """Describe every call in OpenAPI 3.1."""
        return jsonify(document())

    @routes.get("/docs")
    @operation("text/html")
    def docs() -> str:
        """Describe every call to people."""
        return render_template("docs.html", document=document())

    return routes


def document_of(app: Flask, settings: Settings) -> Part:
    """Write the description of an application."""
    schemas = Schemas(settings)
    writer = _Writer(schemas, settings)
    paths: dict[str, Part] = {}
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: ("POST" not in (rule.methods or ()), rule.rule)):
        view = app.view_functions[rule.endpoint]
        if (described := operation_of(view)) is not None:
            method = "post" if described.takes is not None else "get"
            paths[_path(rule)] = {method: writer.operation(rule, view.__doc__, described)}
    info = {"title": "Image classifiers", "version": settings.commit, "description": _DESCRIPTION}
    document: Part = {
        "openapi": "3.1.0",
        "info": info | {"license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}, "x-limits": limits_of(settings)},
        "servers": [{"url": "."}],  # beside this document, also below an ingress' prefix
        "paths": paths,
        "components": {"schemas": schemas.named},
    }
    if settings.api_keys_file:
        document["components"]["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer"},
            "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        }
    return document


class _Writer:
    """Writes operations of one application."""

    def __init__(self, schemas: Schemas, settings: Settings) -> None:
        self._schemas = schemas
        self._settings = settings
        self._kinds = [kind for kind in vars(problems).values() if isinstance(kind, problems.Kind)]

    def operation(self, rule: Rule, docstring: str | None, described: Operation) -> Part:
        """Write one operation."""
        summary, _, description = cleandoc(docstring or "").partition("\n")
        written: Part = {
            "operationId": "_".join((rule.endpoint.rpartition(".")[2], *sorted(rule.arguments - {"name"}))),
            "summary": summary,
            "tags": [rule.rule.strip("/").partition("/")[0] if rule.rule.startswith("/v") else "gateway"],
            "responses": dict(self._responses(rule, described)),
        }
        if description.strip():
            written["description"] = description.strip()
        if rule.arguments:
            written["parameters"] = [
                {"name": name, "in": "path", "required": True} | self._parameter(name)
                for name in sorted(rule.arguments)
            ]
        if described.takes is not None:
            written["requestBody"] = {"required": True, "content": dict(self._content(described))}
        if self._settings.api_keys_file and rule.rule not in access.OPEN:
            written["security"] = [{"bearer": []}, {"header": []}]
        return written

    def _parameter(self, name: str) -> Part:
        parameter: Part = {"name": name, "in": "path", "required": True} | _PARAMETERS[name]
        if name == "name":
            parameter = parameter | {"schema": parameter["schema"] | {"examples": list(self._settings.models)}}
        return parameter

    def _content(self, described: Operation) -> Iterator[tuple[str, Part]]:
        yield "application/json", {"schema": self._schemas.of(described.takes, closed=not described.binary)}
        if described.binary:
            yield "application/octet-stream", {"schema": {"type": "string", "format": "binary"}}
        if described.files:
            file: Part = {"type": "string", "format": "binary"}
            if described.files > 1:
                file = {"type": "array", "items": file, "minItems": 1, "maxItems": self._settings.max_instances}
            form = {"type": "object", "properties": {"file": file}, "required": ["file"]}
            yield "multipart/form-data", {"schema": form}
            for media_type in (*media_types(), "application/octet-stream"):
                yield media_type, {"schema": {"type": "string", "format": "binary"}}

    def _responses(self, rule: Rule, described: Operation) -> Iterator[tuple[str, Part]]:
        headers = {"X-Request-ID": _REQUEST_ID}
        if isinstance(described.gives, str) and "/" in described.gives:
            content: Part = {described.gives: {"schema": {"type": "string"}}}
        else:
            content = {"application/json": {"schema": self._schemas.of(described.gives)}}
        yield "200", {"description": "The answer.", "headers": headers, "content": content}
        problem = {"application/problem+json": {"schema": self._schemas.of(messages.ProblemAnswer)}}
        for status in sorted({*described.problems, *OF_ANY, *self._of_door(rule)}):
            kinds = [kind for kind in self._kinds if kind.status == status]
            more = {"Retry-After": {"schema": {"type": "integer"}}} if status in _WITH_RETRY_AFTER else {}
            yield (
                str(status),
                {
                    "description": "; ".join(f"{kind.title} (`{kind.name}`)" for kind in kinds),
                    "headers": headers | more,
                    "content": problem,
                },
            )

    def _of_door(self, rule: Rule) -> tuple[int, ...]:
        """Give the status by which a stranger is sent away."""
        return (401,) if self._settings.api_keys_file and rule.rule not in access.OPEN else ()


def _path(rule: Rule) -> str:
    """Write a route's address as OpenAPI does: `/v1/models/{name}`."""
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
