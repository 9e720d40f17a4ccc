"""Hold objects to the schemas of the pinned Kubernetes version and of custom resources, strictly and offline.

kubeconform judges. The schemas of Kubernetes come with the package kubernetes-validate, those of custom resources out
of Go modules (crds.py); both are kept in the cache in the layout that kubeconform reads. What only an API server
knows (CEL rules, admission) is not judged here.
"""

import functools
import hashlib
import importlib.metadata
import importlib.resources
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from tools.gotools import tool
from tools.manifests import crds
from tools.manifests.model import Manifest

KUBERNETES = "1.34"
PACKAGE = "kubernetes-validate"
DEFINITIONS = "_definitions.json"
METADATA = f"../kubernetes/{DEFINITIONS}#/$defs/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"

# What is wrong with an object that was judged in this process; None for nothing.
_verdicts: dict[str, str | None] = {}


def validate(objects: Iterable[Manifest]) -> dict[str, str]:
    """Say what is wrong with objects, in one run of kubeconform.

    Returns: for each object that its schema refuses, `key_of` it and why.
    Raises: SchemaError where schemas are missing.
    """
    asked = {key_of(found): found for found in objects}
    unique = {key: found for key, found in asked.items() if key not in _verdicts}
    if unique:
        _verdicts.update(dict.fromkeys(unique) | _run(unique))
    return {key: message for key in asked if (message := _verdicts[key])}


def _run(unique: Mapping[str, Manifest]) -> dict[str, str]:
    folder = ensure({_group(found) for found in unique.values()})
    with tempfile.TemporaryDirectory(prefix="objects-") as scratch:
        for key, found in unique.items():
            Path(scratch, f"{key}.json").write_text(_text(found), encoding="utf-8")
        done = subprocess.run(
            [
                tool("kubeconform"), "-strict", "-output", "json",
                "-schema-location", f"{folder}/kubernetes/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json",
                "-schema-location", f"{folder}/{{{{.Group}}}}/{{{{.ResourceKind}}}}_{{{{.ResourceAPIVersion}}}}.json",
                scratch,
            ],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    if not done.stdout.startswith("{"):
        raise crds.SchemaError(f"kubeconform failed: {done.stderr.strip() or done.stdout.strip()}")
    refused = json.loads(done.stdout)["resources"]
    return {Path(result["filename"]).stem: _short(result["msg"]) for result in refused}


def key_of(found: Manifest) -> str:
    """Give a hash of an object's content."""
    return hashlib.sha256(_text(found).encode()).hexdigest()[:32]


def ensure(groups: Iterable[str], cache: Path | None = None) -> Path:
    """Make the schemas of Kubernetes, and of those API groups that are not its own, if they are not in the cache.

    Returns: the folder that holds them, a folder an API group; those of Kubernetes in `kubernetes`.
    """
    folder = cache or _cache()
    _once(folder / "kubernetes", _write_kubernetes)
    for group in sorted(set(groups) & set(crds.SOURCES)):
        _once(folder / group, functools.partial(_write_custom, group))
    return folder


def _once(folder: Path, write: Callable[[Path], None]) -> None:
    if folder.is_dir():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Made beside it and renamed: a run that is killed, or two at once, leave no half of it.
    made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        write(made)
        made.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _write_kubernetes(folder: Path) -> None:
    source = (
        importlib.resources.files(PACKAGE.replace("-", "_")) / f"kubernetes-json-schema/v{KUBERNETES}.0-local-strict"
    )
    if not source.is_dir():
        raise crds.SchemaError(f"{PACKAGE} {importlib.metadata.version(PACKAGE)} has no schemas of {KUBERNETES}")
    for file in source.iterdir():
        # Their references are absolute, and the identity that these would be resolved against is on the web.
        schema = json.loads(file.read_text(encoding="utf-8").replace(f'"/api/{DEFINITIONS}#', f'"{DEFINITIONS}#'))
        schema.pop("$id", None)
        (folder / file.name).write_text(json.dumps(schema), encoding="utf-8")


def _write_custom(group: str, folder: Path) -> None:
    crds.write_schemas(group, folder, METADATA)


def _cache() -> Path:
    # Named after all that the schemas depend on, so that a change makes new ones.
    made_by = hashlib.sha256(f"{KUBERNETES} {importlib.metadata.version(PACKAGE)}".encode())
    for module in (__file__, crds.__file__):
        made_by.update(Path(module).read_bytes())
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "image-classifiers" / f"schemas-{made_by.hexdigest()[:16]}"


def _group(found: Manifest) -> str:
    return str(found.get("apiVersion", "")).rpartition("/")[0]


def _text(found: Manifest) -> str:
    return json.dumps(found, sort_keys=True, default=str)


def _short(message: str) -> str:
    # Mistakes follow a preface that names the schema's file, in an order that is chance.
    places = message.split(" - at ")[1:]
    return (
        "; ".join(sorted(f"at {place.strip()}" for place in places if not place.endswith(": validation failed")))
        or message
    )
