"""PromQL as the component `monitoring` holds it: where it stands, what it names, and what Prometheus makes of it."""

import functools
import hashlib
import json
import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import promql_parser
import yaml

from pykustomize.tools import build
from tools.manifests.rendering import ROOT

COMPONENT = ROOT / "components/monitoring"
ENGINE = Path(__file__).parent / "promql"
# What Grafana puts in before it asks.
VARIABLES = {"$__rate_interval": "5m", "$namespace": "classifiers-prod", "$model": ".*"}


class Selector(NamedTuple):
    """One metric of an expression."""

    metric: str
    matchers: tuple[tuple[str, str, str], ...]  # label, operator, value


def alerts() -> dict[str, dict]:
    """Give the alert rules by name."""
    found = (yaml.safe_load(path.read_text()) for path in sorted(COMPONENT.glob("*-prometheus-rule.yaml")))
    return {rule["alert"]: rule for one in found for group in one["spec"]["groups"] for rule in group["rules"]}


def dashboard() -> dict:
    """Give the dashboard."""
    return json.loads((COMPONENT / "image-classifiers.json").read_text())


def panels() -> list[dict]:
    """Give the panels that draw something."""
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def expressions() -> dict[str, str]:
    """Give every expression under the name of its alert, or of its panel and query."""
    drawn = {f"{panel['title']} {one['refId']}": one["expr"] for panel in panels() for one in panel["targets"]}
    for variable, value in VARIABLES.items():
        drawn = {name: text.replace(variable, value) for name, text in drawn.items()}
    return {name: rule["expr"] for name, rule in alerts().items()} | drawn


def parse(expression: str) -> tuple[list[Selector], set[str]]:
    """Give the metrics of an expression, and the labels that it groups or joins by.

    Raises: ValueError where it is no PromQL.
    """
    nodes = list(_walk(promql_parser.parse(expression)))
    selectors = [
        Selector(node.name, tuple((one.name, _OPERATORS[str(one.op)], one.value) for one in node.matchers.matchers))
        for node in nodes
        if isinstance(node, promql_parser.VectorSelector)
    ]
    return selectors, set(re.findall(r"\w+", " ".join(re.findall(r"\b(?:by|on)\s*\(([^)]*)\)", expression))))


_OPERATORS = {"MatchOp.Equal": "=", "MatchOp.NotEqual": "!=", "MatchOp.Re": "=~", "MatchOp.NotRe": "!~"}


def _walk(node: object) -> Iterator[object]:
    yield node
    for name in ("expr", "lhs", "rhs", "vector_selector", "param"):
        if (below := getattr(node, name, None)) is not None and not isinstance(below, str):
            yield from _walk(below)
    for argument in getattr(node, "args", ()):
        yield from _walk(argument)


def evaluate(series: Iterable[dict], asked: Iterable[str], step_s: int) -> list[list[dict]]:
    """Let Prometheus' engine answer for every step: a list of series an expression, as promql/main.go says."""
    return _ask(step_s=step_s, series=list(series), expressions=list(asked))


def read_rules(rules: Iterable[dict]) -> None:
    """Let Prometheus read rules as it does from a file, with what their annotations put in. Raises: AssertionError."""
    _ask(rules=yaml.safe_dump({"groups": [{"name": "read", "rules": list(rules)}]}))


def _ask(**question: object) -> list[list[dict]]:
    done = subprocess.run([_engine()], input=json.dumps(question), capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stderr
    return json.loads(done.stdout)


@functools.cache
def _engine() -> Path:
    """Build promql/ into the cache, under a hash of its files, unless it is there."""
    sources = b"".join(path.read_bytes() for path in sorted(ENGINE.iterdir()))
    return build("image-classifiers/promql", hashlib.sha256(sources).hexdigest()[:12], go_mod=ENGINE / "go.mod")
