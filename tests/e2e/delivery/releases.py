"""Images of new model versions, good and bad, made on top of the ones that `make up` built."""

import json
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from tools.cluster.programs import CLUSTER, Programs
from tools.models import MODELS, versions

NEW = {"fashion-mnist": versions("fashion-mnist")[-1] + 1, "pizza": versions("pizza")[-1] + 1}


def build(folder: Path) -> None:
    """Build every release, both images of it, and load them into the cluster."""
    named = []
    for release, (model, spoil) in RELEASES.items():
        context = folder / release
        _new_version(model, context / model / str(NEW[model]))
        # The goldens are training's, which knows nothing of what becomes of a model on its way.
        named.append(_docker_build("gateway", release, context, f"COPY {model} /goldens/{model}"))
        spoil(context / model / str(NEW[model]))
        named.append(_docker_build("model-server", release, context, f"COPY {model} /models/{model}"))
    Programs().kind("load", "docker-image", "--name", CLUSTER, *named)


def tags(release: str) -> Mapping[str, str]:
    """Name the tags of a release, by app."""
    return dict.fromkeys(("gateway", "model-server"), f"e2e-{release}")


def _new_version(model: str, home: Path) -> None:
    """Copy a model's newest version under the next number."""
    before = versions(model)[-1]
    shutil.copytree(MODELS / model / str(before), home)
    for name in ("card.json", "golden.json"):
        document = json.loads((home / name).read_text())
        (home / name).write_text(json.dumps(document | {"version": NEW[model]}))


def _nothing(home: Path) -> None:
    pass


def _break_graph(home: Path) -> None:
    """As a copy that was cut short leaves it."""
    for name in ("model.tflite", "saved_model.pb"):
        data = (home / name).read_bytes()
        (home / name).write_bytes(data[: len(data) // 2])


def _lose_variables(home: Path) -> None:
    """A graph without weights: neither server has any."""
    shutil.rmtree(home / "variables")
    (home / "model.tflite").unlink()


def _swap_labels(home: Path) -> None:
    """It loads and answers; every answer has another class's name."""
    card = json.loads((home / "card.json").read_text())
    (home / "card.json").write_text(json.dumps(card | {"labels": card["labels"][::-1]}))


def _docker_build(app: str, release: str, context: Path, line: str) -> str:
    (context / "Dockerfile").write_text(f"FROM {app}:dev\n{line}\n")
    image = f"{app}:{tags(release)[app]}"
    done = subprocess.run(
        ["docker", "build", "--quiet", "--tag", image, str(context)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return image


RELEASES: Mapping[str, tuple[str, Callable[[Path], None]]] = {
    "good": ("fashion-mnist", _nothing),
    "broken-graph": ("fashion-mnist", _break_graph),
    "missing-variables": ("fashion-mnist", _lose_variables),
    "wrong-labels": ("fashion-mnist", _swap_labels),
    "canary": ("pizza", _nothing),
}
