"""What each step does: a few calls of the command line, whose figures become Kubeflow's artefacts.

An artefact is any object with `path` and `metadata`, as kfp gives them to a component.
"""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from training.pipeline.calls import call, git, refuse, runs, say

NONE = "none"


def data(config: str, data: str, dataset: Any) -> None:
    """Bring the pictures to a folder of the pipeline's own."""
    source = call("training", "bring", config, *_option("--data", data), "--out", dataset.path).splitlines()[-1]
    pictures = sum(path.is_file() for path in Path(dataset.path).rglob("*"))
    dataset.metadata.update({"source": source, "files": pictures})
    say(f"data: {pictures} files of {source}")


def check(
    config: str, candidates: list[str], drop: str, dataset: Any, *, audit: Any, metrics: Any, report: Any
) -> None:
    """Look for broken, doubled and doubtful pictures, and at every candidate, before time is spent on them."""
    common = ["--data", dataset.path, *_option("--drop", drop), "--cache", _cache()]
    found = json.loads(call("training", "candidates", config, *candidates, *common, "--json"))
    _page(
        report, lambda file: call("training", "explore", *common, "--labels", ",".join(found["labels"]), "--out", file)
    )
    Path(audit.path).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    kept = {"pictures": found["pictures"], "content_sha256": found["content_sha256"]}
    audit.metadata.update({**kept, "config": config, "code": found["code"], "candidates": found["candidates"]})
    left_out = sum(len(finding["files"]) for finding in found["findings"] if finding["action"] == "left out")
    metrics.log_metric("files", found["files"])
    metrics.log_metric("left_out", left_out)
    for split, counts in found["counts"].items():
        metrics.log_metric(f"{split}_pictures", sum(counts.values()))
    say(f"check: {found['pictures']} of {found['files']} pictures to use, {left_out} left out")


def current(
    config: str, repository: str, branch: str, *, against: str, judge: str, audit: Any, version: Any
) -> tuple[int, str]:
    """Take the version that is there from Git, and see that another one can be proposed.

    Args:
        config: the experiment; its model has its name.
        repository: working tree, or address to clone from.
        branch: that is to be made; model/NAME-NUMBER if empty.
        against: directory of another version to beat, "none" for none, empty for the newest one.
        judge: pictures that judge; the test split if empty.
        audit: what was found in the pictures.
        version: artefact for its directory.
    Returns: the number of the version to come, and the branch's name.
    """
    folder = Path(version.path)
    folder.mkdir(parents=True)
    name = config.replace("_", "-")
    with tempfile.TemporaryDirectory(prefix="current-") as scratch:
        tree = _clone(repository, Path(scratch, "clone"))
        options = [*_option("--branch", branch), "--repository", tree]
        found = json.loads(call("tools.delivery", "current", name, "--out", folder, *options))
    if against:
        shutil.rmtree(folder)
        folder.mkdir()
        if against != NONE:
            if not Path(against, "card.json").is_file():
                refuse(f"refused: AGAINST={against} is no directory of a model version, and not {NONE}")
            shutil.copytree(against, folder / name / Path(against).resolve().name)
    there = _version(folder)
    (folder / "current.json").write_text(json.dumps({**found, "to_beat": str(there or NONE)}) + "\n", encoding="utf-8")
    version.metadata.update({"model": name, "version": there.name if there else NONE, "commit": found["commit"]})
    say(f"current: {name} {there.name if there else '(none)'} is to be beaten; the next is {found['next']}")
    if there and not judge and _remembers(there, audit.metadata["content_sha256"]):
        say("current: mind: it was fitted on the test split of these very pictures, and is hard to beat on them.")
        say("current: judge by pictures that it never saw (JUDGE=), or name another version to beat (AGAINST=).")
    return found["next"], found["branch"]


def train(config: str, candidate: str, drop: str, dataset: Any, audit: Any, *, run: Any) -> None:
    """Train a candidate, unless the same was trained before."""
    options = ["--data", dataset.path, *_option("--drop", drop), "--cache", _cache(), "--out", run.path]
    said = call("training", "candidate", config, candidate, *options, "--runs", runs() / "candidates")
    record = json.loads(Path(run.path, "run.json").read_text(encoding="utf-8"))
    run.metadata.update(
        {
            "framework": "keras",
            "config": config,
            "candidate": candidate,
            "key": audit.metadata["candidates"][candidate],
            "pictures_sha256": record["content_sha256"],
            "git_commit": record["git_commit"],
            "minutes": record["minutes"],
        }
    )
    say(said.splitlines()[-1])


def evaluate(run: Any, *, metrics: Any, confusion: Any) -> None:
    """Show what training found on the validation split, which the candidate was not fitted on."""
    record = json.loads(Path(run.path, "run.json").read_text(encoding="utf-8"))
    figures = record["metrics"]["validation"]
    _log(metrics, figures)
    metrics.log_metric("temperature", record["temperature"])
    confusion.log_confusion_matrix(list(figures["per_class"]), figures["confusion_matrix"])


def choose(candidates: list[Any], metric: str, *, champion: Any, table: Any) -> None:
    """Take the candidate that the validation split says is the best."""
    found = json.loads(call("training", "choose", *(one.path for one in candidates), "--metric", metric, "--json"))
    chosen = next(one for one in candidates if one.path == found["run"])
    shutil.copytree(chosen.path, champion.path)
    champion.metadata.update(chosen.metadata)
    Path(table.path).write_text(found["table"] + "\n", encoding="utf-8")
    say(f"choose: {found['candidate']}, log loss {found['figures']['log_loss']:.4f} on validation")


def export(champion: Any, number: int, *, model: Any) -> None:
    """Write the champion as a version by contract 1; that refuses what does not answer as training code does."""
    written = call("training", "export", champion.path, "--version", str(number), "--models", model.path)
    model.metadata.update({**champion.metadata, "version": number})
    say(f"export: {'/'.join(Path(written.splitlines()[0]).parts[-2:])} answers as training code does in both engines")


def gates(
    model: Any, version: Any, dataset: Any, *, judge: str, margin: float, passed: Any, metrics: Any, report: Any
) -> None:
    """Hold the version to its goldens and to the version that is there, on pictures that chose nothing."""
    there = _version(Path(version.path))
    pictures = ["--data", judge, "--split", "all"] if judge else ["--data", dataset.path]
    options = [*_option("--against", there), *(["--at-least-as-good", str(margin)] if margin else [])]

    def hold(file: Path) -> str:
        return call("training", "gate", _need(model), *pictures, *options, "--report", file, "--json")

    found: dict[str, Any] = json.loads(_page(report, hold))
    Path(passed.path).write_text(json.dumps(found) + "\n", encoding="utf-8")
    for name, value in found["figures"].items():
        metrics.log_metric(name, value)
    say("\n".join(f"gates: {sentence}" for sentence in found["passed"]))


def report(model: Any, dataset: Any, *, judge: str, page: Any, metrics: Any, curves: Any) -> None:
    """Look at the version from every side, on the pictures that judged it."""
    pictures = ["--data", judge, "--split", "all"] if judge else ["--data", dataset.path]

    def look(file: Path) -> dict[str, Any]:
        call("training", "evaluate", "--model", _need(model), *pictures, "--report", file)
        found: dict[str, Any] = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
        return found

    found = _page(page, look)
    _log(metrics, found)
    curves.log_confusion_matrix(list(found["per_class"]), found["confusion_matrix"])
    curves.log_roc_curve(found["roc"]["fpr"], found["roc"]["tpr"], found["roc"]["threshold"])
    say(f"report: accuracy {found['accuracy']['value']:.4f} on {found['accuracy']['n']} pictures")


def promote(model: Any, passed: Any, table: Any, *, repository: str, branch: str, pull_request: bool, text: Any) -> str:
    """Leave the version as a commit on a branch; where it was asked for, ask for its merge.

    Returns: the branch.
    """
    sentences = json.loads(Path(passed.path).read_text(encoding="utf-8"))["passed"]
    gates = "\n".join(f"- {sentence}" for sentence in sentences)
    with tempfile.TemporaryDirectory(prefix="promote-") as scratch:
        evidence = Path(scratch, "evidence.md")
        listed = Path(table.path).read_text(encoding="utf-8").strip()
        evidence.write_text(f"## Candidates\n\n{listed}\n\n## Gates\n\n{gates}\n", encoding="utf-8")
        tree = _clone(repository, Path(scratch, "clone"))
        options = ["--branch", branch, "--evidence", evidence, "--text", text.path, "--repository", tree]
        said = call("tools.delivery", "propose", _need(model), *options)
        pushed = pull_request or _is_address(repository)
        if pull_request:
            call("tools.publish", "pull-request", branch, text.path, "--models", "--tree", tree)
        elif pushed:
            git("-C", tree, "push", "--quiet", "origin", f"refs/heads/{branch}:refs/heads/{branch}")
    text.metadata["branch"] = branch
    said = said.splitlines()[-1]
    say(f"promote: {said.partition('; next: ')[0]}, pushed" if pushed else f"promote: {said}")
    return branch


def _remembers(version: Path, content_sha256: str) -> bool:
    """Tell whether a version was fitted on the test split of some pictures."""
    known = json.loads((version / "card.json").read_text(encoding="utf-8")).get("data", {})
    return known.get("content_sha256") == content_sha256 and "test" in known.get("fitted_on", ())


def _log(metrics: Any, figures: dict[str, Any]) -> None:
    for name in ("value", "low", "high"):
        metrics.log_metric(f"accuracy_{name}".removesuffix("_value"), figures["accuracy"][name])
    metrics.log_metric("log_loss", figures["log_loss"])
    metrics.log_metric("calibration_error", figures["ece"])
    metrics.log_metric("pictures", figures["accuracy"]["n"])


def _page(artefact: Any, write: Any) -> Any:
    """Let a command write a page, whose name has to end in .html, and put it where the artefact is."""
    with tempfile.TemporaryDirectory(prefix="page-") as folder:
        file = Path(folder, "page.html")
        result = write(file)
        if file.exists():
            shutil.copyfile(file, artefact.path)
        else:
            Path(artefact.path).write_text("<p>There is no version to compare with.</p>\n", encoding="utf-8")
    return result


def _version(folder: Path) -> Path | None:
    """Find the one version in a folder of models."""
    return next((path.parent for path in folder.glob("*/*/card.json")), None)


def _need(model: Any) -> Path:
    if (found := _version(Path(model.path))) is None:
        raise FileNotFoundError(f"{model.path} holds no model version")
    return found


def _clone(repository: str, folder: Path) -> Path:
    """Give a working tree as it is; clone an address."""
    if not repository:
        refuse("refused: name the repository that gets the branch, a folder or an address")
    if not _is_address(repository):
        return Path(repository)
    git("clone", "--quiet", "--depth", "1", repository, folder)
    return folder


def _is_address(repository: str) -> bool:
    return "://" in repository or repository.startswith("git@")


def _option(name: str, value: object) -> list[str]:
    return [name, str(value)] if value else []


def _cache() -> Path:
    return runs() / "cache"
