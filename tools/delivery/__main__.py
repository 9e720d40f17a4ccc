"""Promote, roll back, and tell what runs where.

python -m tools.delivery promote kind prod --images gateway=sha256:... model-server=sha256:... --text pull-request.md
python -m tools.delivery propose runs/models/pizza/3 --evidence gates.md
python -m tools.delivery rollback prod --reason "half of the pictures of quiche are pizza now"
python -m tools.delivery status --json
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.delivery import promote, propose, rollback, status
from tools.delivery.errors import Refused
from tools.delivery.repository import GitRepository, short
from tools.manifests.rendering import ENVIRONMENTS, ROOT


def main(argv: Sequence[str] | None = None, tree: Path = ROOT) -> int:
    """Run a verb. Returns: 0, or 1 where it was refused, with the reason on standard error."""
    given = _parser().parse_args(argv)
    try:
        given.run(given, GitRepository(tree))
    except (Refused, OSError) as error:
        print(f"refused: {error}" if isinstance(error, Refused) else f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.delivery", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    one = verbs.add_parser("promote", help="make a commit with digests and models, and its pull request's text")
    one.add_argument("source", choices=["kind"], help="where it was verified")
    one.add_argument("target", choices=["prod"], help="what it is promoted to")
    one.add_argument("--images", nargs="+", default=[], metavar="NAME=DIGEST", help="gateway=sha256:...")
    one.add_argument(
        "--digests", type=Path, help='a file with them: {"gateway": "sha256:...", ...}, as images are pushed'
    )
    one.add_argument("--commit", default="HEAD", help="that the images were built from (%(default)s)")
    one.add_argument("--verified-by", metavar="URL", help="the CI run that verified it, where no cluster can be asked")
    one.add_argument("--check-models", action="store_true", help="run the skew gate on new versions again; CI did")
    one.add_argument("--text", type=Path, help="write the pull request's text here, not to standard output")
    one.add_argument("--branch", help="of the commit (promote/TARGET-COMMIT)")
    ways = one.add_mutually_exclusive_group()
    ways.add_argument("--dry-run", action="store_true", help="only give the text")
    ways.add_argument("--no-commit", action="store_true", help="change the file, and let others commit it")
    one.set_defaults(run=_promote)
    one = verbs.add_parser("current", help="give the newest version of a model, and see that another can be proposed")
    one.add_argument("model", help="its name")
    one.add_argument("--out", type=Path, required=True, help="folder for its files; left empty where there is none")
    one.add_argument("--branch", help="that is to be made (model/NAME-VERSION)")
    one.add_argument("--repository", type=Path, default=ROOT, help="working tree (%(default)s)")
    one.set_defaults(run=_current)
    one = verbs.add_parser("propose", help="make a branch with a commit that adds a model version")
    one.add_argument("directory", type=Path, help="of the version, NAME/NUMBER")
    one.add_argument("--branch", help="of the commit (model/NAME-VERSION)")
    one.add_argument("--evidence", type=Path, help="Markdown for who decides: what it was held to")
    one.add_argument("--text", type=Path, help="write the pull request's text here")
    one.add_argument("--repository", type=Path, default=ROOT, help="working tree (%(default)s)")
    one.set_defaults(run=_propose)
    one = verbs.add_parser("rollback", help="revert the last promotion")
    one.add_argument("environment", choices=["prod"])
    one.add_argument("--reason", required=True, help="for those who read the history")
    one.set_defaults(run=_rollback)
    one = verbs.add_parser("status", help="what runs where")
    one.add_argument("--json", action="store_true", help="for programs")
    one.set_defaults(run=_status)
    return parser


def _promote(given: argparse.Namespace, repository: GitRepository) -> None:
    prepared = promote.prepare(
        repository,
        given.source,
        given.target,
        _digests(given),
        commit=given.commit,
        verified_by=given.verified_by,
        check_models=given.check_models,
    )
    description = prepared.description
    branch = given.branch or f"promote/{given.target}-{short(description.commit)}"
    if given.no_commit:
        promote.write(repository, prepared)
        done = f"{prepared.file} is changed and not committed"
    elif given.dry_run:
        done = "nothing was changed"
    else:
        commit = promote.commit_to(repository, branch, prepared)
        done = f"{short(commit)} on the branch {branch}; next: git push origin {branch}"
    if given.text:
        given.text.parent.mkdir(parents=True, exist_ok=True)
        given.text.write_text(str(description), encoding="utf-8")
    else:
        print(str(description).rstrip())
    print(f"{description.title}: {done}", file=sys.stderr)


def _current(given: argparse.Namespace, repository: GitRepository) -> None:
    repository = GitRepository(given.repository)
    number = propose.newest(repository, given.model)
    branch = given.branch or propose.branch_of(given.model, number + 1)
    propose.need_branch(repository, branch)
    if number:
        propose.extract(repository, given.model, number, given.out)
    print(json.dumps({"version": number, "next": number + 1, "branch": branch, "commit": repository.commit("HEAD")}))


def _propose(given: argparse.Namespace, repository: GitRepository) -> None:
    repository = GitRepository(given.repository)
    name, number = given.directory.resolve().parent.name, given.directory.name
    branch = given.branch or propose.branch_of(name, number)
    evidence = given.evidence.read_text(encoding="utf-8") if given.evidence else ""
    prepared = propose.prepare(repository, given.directory, branch, evidence)
    commit = propose.commit_to(repository, branch, prepared)
    if given.text:
        given.text.parent.mkdir(parents=True, exist_ok=True)
        given.text.write_text(prepared.text, encoding="utf-8")
    print(f"{prepared.title}: {short(commit)} on the branch {branch}; next: git push origin {branch}")


def _digests(given: argparse.Namespace) -> dict[str, str]:
    digests: dict[str, str] = {}
    if given.digests:
        try:
            digests = json.loads(given.digests.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise Refused(f"{given.digests} cannot be read as digests: {error}") from error
        if not isinstance(digests, dict) or not all(isinstance(value, str) for value in digests.values()):
            raise Refused(f'{given.digests} is to be {{"gateway": "sha256:...", ...}}')
    for word in given.images:
        name, _, digest = word.partition("=")
        digests[name] = digest
    return digests


def _rollback(given: argparse.Namespace, repository: GitRepository) -> None:
    done = rollback.roll_back(repository, given.environment, given.reason)
    print(f"{short(done.commit)} on {repository.branch()} takes {short(done.promotion.commit)} back; next: git push")
    for name, digest in done.restored.items():
        print(f"  {name} is {digest} again")


def _status(given: argparse.Namespace, repository: GitRepository) -> None:
    entries = status.status(repository, ENVIRONMENTS)
    print(json.dumps(entries, indent=2) if given.json else status.table(entries))


if __name__ == "__main__":
    sys.exit(main())
