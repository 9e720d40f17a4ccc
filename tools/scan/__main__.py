"""Scan the repository: `python -m tools.scan [SCANNER ...]`. Prints a line a scanner, then what must be mended."""

import argparse
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools.manifests.model import Finding
from tools.scan.programs import ROOT, ScannerError, version_of
from tools.scan.scanners import SCANNERS, Scanner
from tools.scan.sources import Sources, gather, render_largest, write
from tools.scan.waivers import Waiver, apply, load

# Processes at once: more than cores only wait for each other.
WORKERS = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run the scanners. Returns: 1 when anything is to be mended, else 0."""
    parser = argparse.ArgumentParser(prog="python -m tools.scan", description=__doc__)
    parser.add_argument("scanner", nargs="*", help=f"which of {', '.join(SCANNERS)} (all)")
    parser.add_argument("--write", type=Path, help="write the renderings to this empty folder, scan nothing")
    arguments = parser.parse_args(argv)
    names = arguments.scanner or list(SCANNERS)
    if unknown := set(names) - set(SCANNERS):
        parser.error(f"no such scanner: {', '.join(sorted(unknown))}")
    if arguments.write:
        write(render_largest(ROOT), arguments.write)
        return 0
    with tempfile.TemporaryDirectory(prefix="scan-") as folder:
        findings = scan(gather(ROOT, Path(folder)), load(), {name: SCANNERS[name] for name in names})
    for line in _merged(findings):
        print(line)
    return 1 if findings else 0


def scan(sources: Sources, waivers: Sequence[Waiver], scanners: Mapping[str, Scanner] = SCANNERS) -> list[Finding]:
    """Run scanners beside each other and print a line for each. Returns: what is not waived."""
    found: list[Finding] = []
    ran: list[str] = []

    def one(name: str) -> None:
        start = time.monotonic()
        try:
            report = scanners[name](sources)
        except ScannerError as error:
            # Its waivers are not judged: it found nothing because it did not look.
            found.append(Finding(name, str(error), "scanner"))
            print(f"{name}: FAILED", flush=True)
            return
        found.extend(report.findings)
        ran.append(name)
        checks = f", {report.checks} checks" if report.checks is not None else ""
        red = len(apply(report.findings, waivers, ()))
        waived = len(report.findings) - red
        counts = (f", {waived} waived" if waived else "") + (f", {red} TO MEND" if red else "")
        took = time.monotonic() - start
        print(f"{name} {version_of(name)}: {report.scanned}{checks}{counts}, {took:.1f} s", flush=True)

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(one, scanners))
    return apply(found, waivers, ran)


def _merged(findings: Iterable[Finding]) -> list[str]:
    """Say once what is the same in several renderings."""
    places: dict[Finding, list[str]] = {}
    for finding in findings:
        key = Finding(finding.subject, finding.message, finding.rule)
        places.setdefault(key, []).append(finding.where)
    return [
        str(Finding(key.subject, key.message, key.rule, ", ".join(sorted(filter(None, where)))))
        for key, where in sorted(places.items(), key=lambda item: (item[0].rule, item[0].subject))
    ]


if __name__ == "__main__":
    raise SystemExit(main())
