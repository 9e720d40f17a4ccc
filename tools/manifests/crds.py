"""Get JSON schemas of custom resources out of the Go modules that define them.

A module is downloaded once, held to its hash, and only the schemas are kept. They are made strict: a field that the
definition does not know is a mistake, which a cluster would drop without a word.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pykustomize._cache import cache_folder
from pykustomize._go import find_go
from pykustomize._yaml import load

# Whatever the go command has known for long: `go mod download -json`.
_GO = (1, 21)


class SchemaError(Exception):
    """Schemas cannot be had; the text says what to do."""


class Source(NamedTuple):
    """Where the definitions of an API group are."""

    module: str
    version: str
    sum: str  # as in go.sum
    files: tuple[str, ...]
    kept: tuple[str, ...] = ()  # further files, kept as they are


# Argo CD's version is the one that argocd/ installs; an update of either changes its hash too (go mod download -json).
SOURCES = {
    "monitoring.coreos.com": Source(
        "github.com/prometheus-operator/prometheus-operator",
        "v0.92.0",
        "h1:tAbsod3+9sQsxDeAvLP27dAe9terToht5M+YdDwLGP0=",
        tuple(
            f"example/prometheus-operator-crd/monitoring.coreos.com_{name}.yaml"
            for name in ("podmonitors", "prometheusrules", "servicemonitors")
        ),
    ),
    "argoproj.io": Source(
        "github.com/argoproj/argo-cd/v3",
        "v3.5.7",
        "h1:Xm1BF+I5OgDKUG3SDK49vn2/Y5AMyaNVko+/JT08gj0=",
        tuple(f"manifests/crds/{name}-crd.yaml" for name in ("application", "applicationset", "appproject")),
        kept=("manifests/install.yaml",),  # what argocd/install has from the web, for its tests
    ),
    # tools/kserve builds its controller from the same module.
    "serving.kserve.io": Source(
        "github.com/kserve/kserve",
        "v0.20.0",
        "h1:Bs7HxmGV4KFqqptDcWseKv+mwD4YOYHJWcuVgPG2Gug=",
        tuple(f"config/crd/full/serving.kserve.io_{name}.yaml" for name in ("inferenceservices", "servingruntimes")),
    ),
}


def write_schemas(group: str, folder: Path, metadata: str) -> None:
    """Write KIND_VERSION.json for the custom resources of a group, and beside them the files to be kept.

    Args:
        group: a key of SOURCES.
        folder: an empty folder.
        metadata: reference to the schema of an object's metadata, which a definition leaves out.
    Raises: SchemaError; KustomizeError where there is no Go and none can be fetched.
    """
    source = SOURCES[group]
    with tempfile.TemporaryDirectory(prefix="go-module-") as scratch:
        module = _download(source, Path(scratch))
        for file in source.files:
            definition = load((module / file).read_text(encoding="utf-8"))["spec"]
            kind = definition["names"]["kind"].lower()
            for version in definition["versions"]:
                schema = strict(version["schema"]["openAPIV3Schema"])
                schema["properties"]["metadata"] = {"$ref": metadata}
                schema["required"] = sorted({*schema.get("required", ()), "apiVersion", "kind", "metadata"})
                (folder / f"{kind}_{version['name']}.json").write_text(json.dumps(schema), encoding="utf-8")
        for file in source.kept:
            (folder / Path(file).name).write_bytes((module / file).read_bytes())


def strict(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Refuse unknown fields wherever a definition names fields and does not ask to keep others."""
    made = dict(schema)
    if "properties" in made:
        made["properties"] = {name: strict(value) for name, value in made["properties"].items()}
        if not made.get("x-kubernetes-preserve-unknown-fields") and not made.get("x-kubernetes-embedded-resource"):
            made.setdefault("additionalProperties", False)
    for inner in ("items", "additionalProperties"):
        if isinstance(made.get(inner), Mapping):
            made[inner] = strict(made[inner])
    if made.pop("nullable", False) and isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
    return made


def _download(source: Source, scratch: Path) -> Path:
    go = find_go(_GO, cache_folder())
    # What lies in the module cache is used; what does not is not left there: all but a few files is of no use.
    environment = go.environment(scratch) | {"GOSUMDB": "off"}  # the hash is pinned here
    elsewhere = {"GOMODCACHE": str(scratch / "modules")}
    for attempt in ({"GOPROXY": "off"}, elsewhere):
        if attempt is elsewhere:
            print(f"downloading {source.module} {source.version} for its schemas, once", file=sys.stderr)
        done = subprocess.run(
            [go.program, "mod", "download", "-json", f"{source.module}@{source.version}"],
            cwd=scratch, env={**environment, **attempt}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        answer = json.loads(done.stdout) if done.stdout.strip() else {"Error": done.stderr.strip()}
        if "Error" not in answer:
            break
    else:
        raise SchemaError(
            f"{source.module} {source.version} cannot be downloaded: {answer['Error']}\n"
            "Its schemas are needed once and kept then: run this again with a network, or set GOPROXY to a mirror."
        )
    if answer["Sum"] != source.sum:
        raise SchemaError(f"{source.module} {source.version} has the hash {answer['Sum']}, not {source.sum}: not used")
    return Path(answer["Dir"])
