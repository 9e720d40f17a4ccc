"""Run each scanner on what it understands and read its findings."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.manifests.model import Finding
from tools.scan.programs import ScannerError, parse, path_of, run
from tools.scan.sources import Sources

SETTINGS = Path(__file__).with_name("yamllint.yaml")
KUBERNETES = "v1.34"
# kube-score grades from 1 (critical) to 10; below this it is a finding.
FINE = 10


@dataclass(frozen=True)
class Report:
    """What a scanner looked at and found."""

    scanned: str
    findings: tuple[Finding, ...] = ()
    checks: int | None = None  # None: the scanner does not count


Scanner = Callable[[Sources], Report]


def checkov(sources: Sources) -> Report:
    """Kubernetes objects, Dockerfiles and workflows by the policies that come with the package."""
    scanned = f"{_count(sources.renderings, 'rendering')}, {_count(sources.dockerfiles, 'Dockerfile')}, "
    scanned += _count(sources.workflows, "workflow")
    arguments = ["--directory", ".", "--framework", "kubernetes", "dockerfile", "github_actions"]
    output = run("checkov", [*arguments, "--skip-download", "--compact", "--output", "json"], sources.folder)
    answer = parse("checkov", output)
    parts: list[dict[str, Any]] = answer if isinstance(answer, list) else [answer]
    # For want of anything to check it answers with bare counts of zero.
    parts = [part for part in parts if "results" in part]
    seen = {part["check_type"] for part in parts}
    expected = {
        "kubernetes": sources.renderings,
        "dockerfile": sources.dockerfiles,
        "github_actions": sources.workflows,
    }
    if blind := [kind for kind, things in expected.items() if things and kind not in seen]:
        raise ScannerError(f"checkov did not look at {', '.join(blind)}")
    checks = sum(part["summary"]["passed"] + part["summary"]["failed"] for part in parts)
    return Report(scanned, tuple(found for part in parts for found in _of_checkov(part, sources)), checks)


def _of_checkov(part: dict[str, Any], sources: Sources) -> Iterator[Finding]:
    manifests = sources.manifests()
    results = part["results"]
    # A comment in a file would waive unseen: tools/scan/waivers.toml is the only place.
    for found in [*results.get("failed_checks", ()), *results.get("skipped_checks", ())]:
        path = Path(found["file_path"].lstrip("/"))
        subject, where = f"{path}:{found['file_line_range'][0]}", ""
        if path in manifests:
            kind, _, *name = found["resource"].split(".")
            subject, where = f"{kind}/{'.'.join(name)}", manifests[path]
        yield Finding(subject, found["check_name"], f"checkov {found['check_id']}", where)
    for path in results.get("parsing_errors", ()):
        yield Finding(str(path), "cannot be read", "checkov parsing")


def kube_score(sources: Sources) -> Report:
    """Kubernetes objects by what keeps them running."""
    scanned = _count(sources.renderings, "rendering")
    arguments = ["score", "--output-format", "json", "--kubernetes-version", KUBERNETES]
    arguments += ["--disable-ignore-checks-annotations", "--disable-optional-checks-annotations"]
    findings, checks = [], 0
    # One at a time: of objects with one name in several files it keeps one.
    for path, where in sources.manifests().items():
        objects = parse("kube-score", run("kube-score", [*arguments, path], sources.folder))
        if not objects:
            raise ScannerError(f"kube-score found no object in {where}")
        for scored in objects:
            subject = f"{scored['type_meta']['kind']}/{scored['object_meta']['name']}"
            checks += len(scored["checks"])
            findings += [
                Finding(subject, f"{one['check']['name']}: {_comments(one)}", f"kube-score {one['check']['id']}", where)
                for one in scored["checks"]
                if not one["skipped"] and one["grade"] < FINE
            ]
    return Report(scanned, tuple(findings), checks)


def _comments(check: dict[str, Any]) -> str:
    comments = [f"{one['path']} {one['summary']}".strip() for one in check["comments"] or ()]
    return "; ".join(comments) or check["check"]["comment"]


def hadolint(sources: Sources) -> Report:
    """Dockerfiles, and the shell inside them."""
    scanned = _count(sources.dockerfiles, "Dockerfile")
    arguments = ["--no-color", "--disable-ignore-pragma", "--config", "/dev/null", "--format", "json"]
    found = parse("hadolint", run("hadolint", [*arguments, *sources.dockerfiles], sources.tree))
    findings = [Finding(f"{one['file']}:{one['line']}", one["message"], f"hadolint {one['code']}") for one in found]
    return Report(scanned, tuple(findings))


def zizmor(sources: Sources) -> Report:
    """Workflows by what an attacker could make of them."""
    scanned = _count(sources.workflows, "workflow")
    arguments = ["--offline", "--no-ignores", "--no-config", "--no-progress", "--strict-collection", "--collect", "all"]
    arguments += ["--persona", "pedantic", "--format", "json", ".github"]
    # 11 to 14: the worst finding's severity.
    found = parse("zizmor", run("zizmor", arguments, sources.tree, failing=range(11, 15)))
    findings = []
    for one in found:
        place = next(place for place in one["locations"] if place["symbolic"]["kind"] == "Primary")
        path = place["symbolic"]["key"]["Local"]["verbatim_path"]
        line = place["concrete"]["location"]["start_point"]["row"] + 1
        message = f"{one['desc']}: {place['symbolic']['annotation']}"
        findings.append(Finding(f"{path}:{line}", message, f"zizmor {one['ident']}"))
    return Report(scanned, tuple(findings))


def actionlint(sources: Sources) -> Report:
    """Workflows by GitHub's own grammar, and the shell inside them."""
    scanned = _count(sources.workflows, "workflow")
    arguments = ["-format", "{{json .}}", "-shellcheck", str(path_of("shellcheck")), "-pyflakes="]
    found = parse("actionlint", run("actionlint", [*arguments, *sources.workflows], sources.tree))
    findings = [
        Finding(f"{one['filepath']}:{one['line']}", one["message"], f"actionlint {one['kind']}") for one in found
    ]
    return Report(scanned, tuple(findings))


def yamllint(sources: Sources) -> Report:
    """YAML: doubled keys, indentation, what reads as a boolean."""
    scanned = _count(sources.yaml_files, "YAML file")
    # It says nothing when all is well: a file that is not tells that it looked.
    bad = sources.folder / "bad.yaml"
    bad.write_text("a: 1\na: 2\n")
    arguments = ["--strict", "-c", str(SETTINGS), "-f", "parsable", str(bad), *map(str, sources.yaml_files)]
    output = run("yamllint", arguments, sources.tree, failing=(1, 2))
    lines = [re.fullmatch(r"(.+?:\d+):\d+: \[\w+\] (.+) \(([\w-]+)\)", line) for line in output.splitlines()]
    findings = [Finding(line[1], line[2], f"yamllint {line[3]}") for line in lines if line]
    if None in lines or f"{bad}:2" not in {finding.subject for finding in findings}:
        raise ScannerError(f"yamllint said something else: {output[:200] or 'nothing'}")
    return Report(scanned, tuple(found for found in findings if not found.subject.startswith(f"{bad}:")))


def shellcheck(sources: Sources) -> Report:
    """Shell scripts."""
    scanned = _count(sources.scripts, "script")
    found = parse("shellcheck", run("shellcheck", ["--norc", "--format", "json", *sources.scripts], sources.tree))
    findings = [Finding(f"{one['file']}:{one['line']}", one["message"], f"shellcheck SC{one['code']}") for one in found]
    return Report(scanned, tuple(findings))


# The slowest first, so that the others run beside it.
SCANNERS: dict[str, Scanner] = {
    "checkov": checkov,
    "kube-score": kube_score,
    "yamllint": yamllint,
    "shellcheck": shellcheck,
    "hadolint": hadolint,
    "zizmor": zizmor,
    "actionlint": actionlint,
}


def _count(things: tuple[Any, ...], name: str) -> str:
    if not things:
        raise ScannerError(f"no {name} to look at")
    return f"{len(things)} {name}{'' if len(things) == 1 else 's'}"
