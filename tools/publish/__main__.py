"""Publish what was built: `python -m tools.publish join|attest|check|release|pull-request`; the Makefile says when."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.publish import attest, join, pull_request, release
from tools.publish.commands import ROOT, PublishError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb. Returns: 0, or 1 with a sentence on standard error."""
    parser = argparse.ArgumentParser(prog="python -m tools.publish", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    one = verbs.add_parser("join", help="make one image of the architectures that were pushed")
    one.add_argument("registry", help="registry and folder, as they were pushed to")
    one.add_argument("tag")
    one.set_defaults(run=lambda given: join.join(given.registry, given.tag))
    one = verbs.add_parser("attest", help="sign the images and attach SBOM and provenance")
    one.add_argument("registry")
    one.add_argument("--key", help="a private key's file; without it, keyless by the identity of the workflow")
    one.set_defaults(run=lambda given: attest.attest(given.registry, given.key))
    one = verbs.add_parser("check", help="see that signatures, SBOMs and provenance are there and by whom")
    one.add_argument("registry")
    one.add_argument("--key", help="a public key's file; without it, the identity of this repository's workflow")
    one.set_defaults(run=lambda given: attest.check(given.registry, given.key))
    one = verbs.add_parser("release", help="publish a tag with its section of the changelog and its images by digest")
    one.add_argument("tag", help="v1.2.3")
    one.add_argument("--dry-run", action="store_true", help="print the notes only")
    one.set_defaults(run=lambda given: release.release(given.tag, dry_run=given.dry_run))
    one = verbs.add_parser("pull-request", help="push a promotion's branch and ask for its merge")
    one.add_argument("branch")
    one.add_argument("text", type=Path, help="Markdown; the first line is the title")
    one.add_argument("--models", action="store_true", help="it adds a model version, and is no release")
    one.add_argument("--tree", type=Path, default=ROOT, help="the repository (%(default)s)")
    one.set_defaults(run=lambda given: pull_request.ask(given.branch, given.text, given.tree, models=given.models))
    given = parser.parse_args(argv)
    try:
        given.run(given)
    except PublishError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
