"""Findings that are accepted, each with its reason; one that is no longer found must go."""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from tools.manifests.model import Finding

WAIVERS = Path(__file__).with_name("waivers.toml")


@dataclass(frozen=True)
class Waiver:
    """A rule that something may break. Subject and rendering are patterns: `*` stands for anything."""

    rule: str
    subject: str
    reason: str
    where: str = "*"

    def __post_init__(self) -> None:
        """Refuse a waiver without a reason. Raises: ValueError."""
        if len(self.reason.split()) < 3:  # noqa: PLR2004 - fewer words are no sentence
            raise ValueError(f"the waiver of {self.rule} for {self.subject} gives no reason")

    def covers(self, finding: Finding) -> bool:
        """Tell whether a finding is accepted."""
        return (
            finding.rule == self.rule
            and fnmatchcase(finding.subject, self.subject)
            and fnmatchcase(finding.where, self.where)
        )


def load(path: Path = WAIVERS) -> list[Waiver]:
    """Read the waivers. Raises: ValueError, TypeError for one that is not as it should be."""
    return [Waiver(**entry) for entry in tomllib.loads(path.read_text()).get("waiver", ())]


def apply(findings: Iterable[Finding], waivers: Iterable[Waiver], scanners: Iterable[str]) -> list[Finding]:
    """Leave out what is waived and add the waivers that match nothing.

    Args:
        findings: of all scanners.
        waivers: all there are.
        scanners: those that ran; only their waivers can be told to match nothing.
    """
    left, used, ran = [], set[Waiver](), set(scanners)
    for finding in findings:
        covering = [waiver for waiver in waivers if waiver.covers(finding)]
        used.update(covering)
        if not covering:
            left.append(finding)
    stale = [waiver for waiver in waivers if waiver not in used and waiver.rule.split()[0] in ran]
    return left + [
        Finding(WAIVERS.name, f"{waiver.rule} for {waiver.subject} matches nothing: remove it", "waiver")
        for waiver in stale
    ]
