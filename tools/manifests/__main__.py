"""Judge the manifests: every rule on every overlay, alone and with every set of components that goes with it.

python -m tools.manifests                       # all of it, as `make lint` does
python -m tools.manifests --environment prod    # one overlay and its combinations
python -m tools.manifests --rule memory-limit   # one rule; can be given several times
python -m tools.manifests --list                # every rule in words
"""

import argparse
import difflib
import sys
import time
from collections.abc import Iterable, Sequence
from itertools import chain

from pykustomize import KustomizeError
from tools.manifests.crds import SchemaError
from tools.manifests.model import Finding, Repository
from tools.manifests.rendering import OVERLAYS, ROOT, combinations, render_all
from tools.manifests.revision import RevisionError
from tools.manifests.rules import Rule, rules


def judge(repository: Repository, chosen: Iterable[Rule]) -> list[Finding]:
    """Give what breaks the chosen rules in the files and in every rendering."""
    return [
        finding
        for rule in chosen
        for finding in chain(
            rule.judge_repository(repository), *(rule.judge(rendering) for rendering in repository.renderings)
        )
    ]


def lines_of(findings: Iterable[Finding]) -> list[str]:
    """Write findings, each once: what is wrong in an overlay is as wrong with every component added to it."""
    places: dict[tuple[str, str, str], list[Finding]] = {}
    for finding in findings:
        places.setdefault((finding.subject, finding.message, finding.rule), []).append(finding)
    return [
        str(found[0]) + (f" (and in {len(found) - 1} other combinations)" if len(found) > 1 else "")
        for found in places.values()
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Print what breaks a rule. Returns: the exit status: 1 if anything does, 2 if nothing could be judged."""
    known = {each.name: each for each in rules()}
    parser = argparse.ArgumentParser(
        prog="python -m tools.manifests", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--environment", choices=OVERLAYS, help="judge one overlay with its combinations")
    parser.add_argument("--rule", action="append", metavar="NAME", help="judge by this one; can be given several times")
    parser.add_argument("--list", action="store_true", help="print every rule in words and stop")
    given = parser.parse_args(argv)
    if given.list:
        print("\n".join(f"{each.name:<{max(map(len, known))}}  {each.sentence}" for each in known.values()))
        return 0
    for name in set(given.rule or ()) - known.keys():
        near = "".join(f"; is it {each}?" for each in difflib.get_close_matches(name, known, n=1))
        parser.error(f"no rule is called {name}{near} --list names them all")
    started_s = time.monotonic()
    wanted = [each for each in combinations() if given.environment in (None, each.environment)]
    try:
        repository = Repository(ROOT, tuple(render_all(wanted)))
        chosen = [known[name] for name in given.rule or known]
        lines = lines_of(judge(repository, chosen))
    except (KustomizeError, SchemaError, RevisionError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print("\n".join(lines), end="\n" if lines else "")
    renderings = repository.renderings
    print(
        f"{_count(len(lines), 'finding')}: {_count(len(chosen), 'rule')} on "
        f"{_count(len(list(repository.overlays())), 'overlay')} in {_count(len(renderings), 'combination')} with "
        f"{_count(sum(len(each.objects) for each in renderings), 'object')}, {time.monotonic() - started_s:.1f} s"
    )
    return 1 if lines else 0


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"


if __name__ == "__main__":
    sys.exit(main())
