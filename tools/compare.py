"""Show what the working tree changes in an overlay, against another revision or the cluster of kubectl's context.

Exit status: 0 when the comparison was made, 2 when not; with --exit-code 1 where something differs, as git diff's.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence

from pykustomize import Kustomize, KustomizeError, diff
from tools.manifests.rendering import all_components, render, top_of
from tools.manifests.revision import RevisionError, manifests_of
from tools.render import add_arguments, chosen, show

COLOURS = {"---": "1", "+++": "1", "@@": "36", "-": "31", "+": "32", "diff": "1"}
# For each answer of the API server, seconds.
TIMEOUT_S = 30


class ClusterError(Exception):
    """The cluster could not be compared with; one paragraph for people."""


def against_revision(environment: str, components: Sequence[str], ref: str) -> tuple[str, str]:
    """Compare with a revision; a component that it does not have yet is new there.

    Returns: the unified diff, and its summary in a line.
    """
    after = render(environment, components)
    with manifests_of(ref) as tree:
        had = [name for name in components if name in all_components(tree)]
        difference = diff(render(environment, had, tree).objects, after.objects)
    return str(difference), f"{after} against {ref}: {difference.summary}"


def against_cluster(environment: str, components: Sequence[str]) -> tuple[str, str]:
    """Ask the API server what `kubectl apply` would change; nothing is changed. Raises: ClusterError.

    Objects that only the cluster has are not seen: kubectl asks for those that the manifests name.
    """
    after = render(environment, components)
    context = _kubectl(["config", "current-context"])
    if context.returncode:
        raise ClusterError(
            "kubectl has no current context, so there is no cluster to compare with. "
            "Choose one: kubectl config use-context NAME, or start one: kind create cluster."
        )
    name = context.stdout.strip()
    print(f"comparing with the cluster of the context {name}", file=sys.stderr)
    text = Kustomize.find().build_yaml(top_of(after.tree, environment))
    done = _kubectl(["diff", f"--request-timeout={TIMEOUT_S}s", "-f", "-"], text)
    if done.returncode > 1 or (done.returncode == 1 and not done.stdout):
        raise ClusterError(_reason(name, done.stderr))
    # kubectl compares two temporary folders.
    shown = re.sub(
        r"\S*/(LIVE|MERGED)-\d+/", lambda found: {"LIVE": "live/", "MERGED": "wanted/"}[found[1]], done.stdout
    )
    shown = "\n".join(_name(line) for line in shown.splitlines() if not line.startswith("diff "))
    changed = len(re.findall(r"^--- ", shown, re.MULTILINE))
    return shown, f"{after} against {name}: {changed} of {len(after.objects)} objects differ"


def _name(line: str) -> str:
    """Leave the time of a temporary file out of a header."""
    return line.partition("\t")[0] if line.startswith(("--- ", "+++ ")) else line


def _kubectl(arguments: Sequence[str], text: str | None = None) -> subprocess.CompletedProcess[str]:
    program = shutil.which("kubectl")
    if program is None:
        raise ClusterError("kubectl is needed to compare with a cluster; it is not on PATH.")
    # A person's own KUBECTL_EXTERNAL_DIFF may colour, or open a window.
    environment = {name: value for name, value in os.environ.items() if name != "KUBECTL_EXTERNAL_DIFF"}
    return subprocess.run(
        [program, *arguments], input=text, env=environment, capture_output=True, text=True, check=False
    )


def _reason(context: str, said: str) -> str:
    lines = [line for line in said.splitlines() if line.strip()]
    # Lines of its log begin with a letter and a date; the last plain one is for people.
    plain = [line for line in lines if not re.match(r"[EWI]\d{4} ", line)] or lines or ["kubectl gave no reason"]
    why = plain[-1].removeprefix("error: ")
    if re.search(r"refused|no such host|i/o timeout|timed out|unable to connect|deadline", said, re.IGNORECASE):
        return f"No cluster answers for kubectl's context {context}: {why}"
    if found := re.search(r'namespaces? "([^"]+)" not found', said):
        return (
            f"The cluster of {context} has no namespace {found[1]}: nothing of this overlay is there to compare with."
        )
    if re.search(r"no matches for kind|ensure CRDs are installed", said):
        return f"The cluster of {context} does not know a kind that this overlay has; install its CRDs: {why}"
    return f"kubectl could not compare with the cluster of {context}: {why}"


def coloured(text: str) -> str:
    """Colour a unified diff for a terminal."""
    lines = []
    for line in text.splitlines():
        code = next((code for start, code in COLOURS.items() if line.startswith(start)), None)
        lines.append(f"\x1b[{code}m{line}\x1b[0m" if code else line)
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the difference on standard output and its summary on standard error. Returns: the exit status."""
    parser = argparse.ArgumentParser(prog="make diff", description=__doc__)
    add_arguments(parser)
    parser.add_argument("--base", default="main", help="revision to compare with (%(default)s)")
    parser.add_argument("--live", action="store_true", help="compare with the cluster of kubectl's current context")
    parser.add_argument("--exit-code", action="store_true", help="end with 1 where something differs")
    arguments = parser.parse_args(argv)
    try:
        components = chosen(arguments)
        if arguments.live:
            text, summary = against_cluster(arguments.environment, components)
        else:
            text, summary = against_revision(arguments.environment, components, arguments.base)
    except (KustomizeError, RevisionError, ClusterError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if text:
        show(coloured(text) if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else text)
    print(summary, file=sys.stderr)
    return int(bool(text)) if arguments.exit_code else 0


if __name__ == "__main__":
    sys.exit(main())
