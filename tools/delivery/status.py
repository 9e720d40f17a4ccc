"""What runs where: as Git has it, and as a cluster does where one answers."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tools.delivery.cluster import NoAnswer, State, state_of
from tools.delivery.errors import Refused
from tools.delivery.history import last_promotion
from tools.delivery.models import LIST, versions_at
from tools.delivery.release import file_of, read_models, read_release
from tools.delivery.repository import GitRepository, short

COLUMNS = ("environment", "revision", "gateway", "model-server", "models", "sync", "health", "verified")


def status(repository: GitRepository, environments: Sequence[str]) -> list[dict[str, Any]]:
    """Tell about each environment what Git says and, under `cluster`, what runs; `reason` where no cluster answers."""
    found = []
    for environment in environments:
        entry: dict[str, Any] = {"environment": environment, "git": in_git(repository, environment, "HEAD")}
        try:
            entry["cluster"] = _in_cluster(repository, state_of(environment))
        except NoAnswer as error:
            entry["cluster"], entry["reason"] = None, str(error)
        found.append(entry)
    return found


def in_git(repository: GitRepository, environment: str, ref: str) -> dict[str, Any]:
    """Tell what a revision deploys: digests and the promotion that wrote them, if it is promoted to, and its models."""
    commit = repository.commit(ref)
    file = file_of(environment)
    text = repository.text(commit, file)
    if text is None:
        listed = read_models(repository.text(commit, LIST) or "", LIST)
        names = [model.name for model in listed.model_config_list.config]
        return {"revision": commit, "digests": {}, "promotion": None, "models": versions_at(repository, commit, names)}
    release = read_release(text, file)
    last = last_promotion(repository, environment, commit)
    promotion = last and {"commit": last.commit, "date": last.date, "source": last.source}
    built = last.source if last else commit
    models = {} if release.is_first else versions_at(repository, built, release.names)
    digests = {} if release.is_first else dict(release.digests)
    return {"revision": commit, "digests": digests, "promotion": promotion, "models": models}


def table(entries: Sequence[Mapping[str, Any]]) -> str:
    """Write a table, and below it what a cluster could not tell and who promoted."""
    rows = [list(COLUMNS), *(_row(entry) for entry in entries)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, *_notes(entries)])


def _in_cluster(repository: GitRepository, state: State) -> dict[str, Any]:
    try:
        models = in_git(repository, state.environment, state.revision)["models"]
    except Refused:
        models = {}  # a revision that this clone does not have
    return {
        "revision": state.revision,
        "images": dict(state.images),
        "pods": dict(state.pods),
        "models": models,
        "sync": state.sync,
        "health": state.health,
        "verified": state.verified,
    }


def _row(entry: Mapping[str, Any]) -> list[str]:
    git, cluster = entry["git"], entry["cluster"]
    if cluster is None:
        images = {name: digest[:19] for name, digest in git["digests"].items()}
        found = [f"({short(git['revision'])})", images, git["models"], "?", "?", "?"]
    else:
        images = {
            name: f"{_tag(image)} {cluster['pods'].get(name, '')}".strip() for name, image in cluster["images"].items()
        }
        found = [short(cluster["revision"]), images, cluster["models"], *(cluster[key] for key in COLUMNS[5:])]
    revision, images, models, *rest = found
    listed = ", ".join(f"{name} {version}" for name, version in models.items())
    return [
        entry["environment"],
        revision,
        images.get("gateway", "-"),
        images.get("model-server", "-"),
        listed or "-",
        *rest,
    ]


def _tag(image: str) -> str:
    """Shorten an image to its digest or tag."""
    name, _, digest = image.partition("@")
    return digest[:19] or name.rpartition("/")[2].partition(":")[2]


def _notes(entries: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for entry in entries:
        if promotion := entry["git"]["promotion"]:
            yield (
                f"{entry['environment']}: promoted from {short(promotion['source'])} by {short(promotion['commit'])}, "
                f"{promotion['date']}"
            )
        if entry["cluster"] is None:
            yield f"{entry['environment']}: (as Git has it) {entry['reason']}"
