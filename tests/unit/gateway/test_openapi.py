"""Rules of /openapi.json and /docs: they say what the routes do, no more and no less."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin

import jsonschema
import pytest
from schemathesis.specs.openapi import definitions

from gateway import problems
from gateway.app import create_app
from gateway.settings import Settings
from tests.unit.gateway.fakes import FakePredictor

SETTINGS = Settings(models=("colour",), max_instances=3, max_body_bytes=4096)


@pytest.fixture(scope="module")
def app():
    return create_app(SETTINGS, FakePredictor())


@pytest.fixture(scope="module")
def document(app):
    return app.test_client().get("/openapi.json").json


def test_the_document_is_openapi_3_1(document):
    """The document is valid by OpenAPI 3.1's own schema, and each of its schemas by JSON Schema's."""
    jsonschema.Draft202012Validator(definitions.OPENAPI_31).validate(document)
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_every_route_is_described(app, document):
    """Every route but the page's parts is in the document with its method, and no other is."""
    routes = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method)
        for rule in app.url_map.iter_rules()
        for method in rule.methods & {"GET", "POST", "PUT", "DELETE", "PATCH"}
        if rule.endpoint != "static"
    }
    described = {(path, method.upper()) for path, item in document["paths"].items() for method in item}
    assert routes == described
    names = [call["operationId"] for item in document["paths"].values() for call in item.values()]
    assert len(names) == len(set(names))


def test_every_reference_leads_somewhere(document):
    """Every $ref is to a schema that is there."""
    named = set(re.findall(r"'#/components/schemas/(\w+)'", str(document)))
    assert named == set(document["components"]["schemas"])


def test_limits_are_the_settings(app, document):
    """The document and /v1/models state the limits of this very gateway."""
    limits = app.test_client().get("/v1/models").json["limits"]
    assert limits == document["info"]["x-limits"]
    assert (3, 4096) == (limits["max_instances"], limits["max_body_bytes"])
    assert 3 == document["components"]["schemas"]["Instances"]["properties"]["instances"]["maxItems"]
    assert {"image/jpeg", "image/png", "image/webp"} < set(limits["media_types"])


def test_keys_are_described_where_they_are_asked_for(tmp_path, document):
    """With API keys every closed call says so, and the open ones do not."""
    assert "securitySchemes" not in document["components"]
    (tmp_path / "keys").write_text("")
    app = create_app(Settings(models=("colour",), api_keys_file=str(tmp_path / "keys")), FakePredictor())
    closed = app.test_client().get("/openapi.json").json
    assert "security" in closed["paths"]["/predict"]["post"]
    assert "401" in closed["paths"]["/predict"]["post"]["responses"]
    assert "security" not in closed["paths"]["/healthz"]["get"]


def test_every_problem_is_in_the_readme():
    """README.md's table has every type of problem with its status, but the one that nobody is left to read."""
    readme = Path(problems.__file__).with_name("README.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| (\d{3}) \|", readme, re.MULTILINE))
    kinds = {kind for kind in vars(problems).values() if isinstance(kind, problems.Kind)} - {problems.CLIENT_GONE}
    assert {kind.name: str(kind.status) for kind in kinds} == rows


class Page(HTMLParser):
    """Gathers what a page refers to, and where in it."""

    def __init__(self):
        super().__init__()
        self.ids, self.links, self.inline = set(), [], []

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if "id" in given:
            assert given["id"] not in self.ids, f"{given['id']} twice"
            self.ids.add(given["id"])
        self.links += [given[name] for name in ("href", "src") if name in given]
        self.inline += [name for name in given if name.startswith("on") or name == "style"]
        self.inline += [tag] if tag in ("script", "style") else []


def test_the_page_describes_every_call(app, document):
    """/docs shows each call and message, holds nothing inline or foreign, and its links lead somewhere."""
    client = app.test_client()
    text = client.get("/docs").text
    page = Page()
    page.feed(text)
    assert [] == page.inline
    anchors = {link[1:] for link in page.links if link.startswith("#")}
    assert set() == anchors - page.ids
    for link in page.links:
        assert link.startswith("#") or 200 == client.get(urljoin("/docs", link)).status_code, link
    for path in document["paths"]:
        assert f"<code>{path}</code>" in text
    assert set(document["components"]["schemas"]) < page.ids
