"""Print what an overlay gives to a cluster: `python -m tools.render prod --components canary,gpu`."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from pykustomize import Kustomize, KustomizeError
from tools.manifests.rendering import OVERLAYS, ROOT, all_components, reason_against, render, top_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what names a rendering: the overlay and the components on top of it."""
    parser.add_argument("environment", choices=OVERLAYS)
    parser.add_argument("--components", default="", help="names under components/ to put on top, with commas between")


def chosen(arguments: argparse.Namespace, tree: Path = ROOT) -> list[str]:
    """Read the components of a command line. Raises: ValueError for one that is not there or fits no other."""
    names = [name.strip() for name in arguments.components.split(",") if name.strip()]
    there = all_components(tree)
    for name in names:
        if name not in there:
            raise ValueError(f"there is no component {name!r}; there are: {', '.join(there) or 'none'}")
    if reason := reason_against((arguments.environment, *names)):
        raise ValueError(f"{' + '.join((arguments.environment, *names))}: {reason}")
    return names


def show(text: str) -> None:
    """Print a text that may be cut short: `| head` closes the pipe."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # Python writes what is left when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main(argv: Sequence[str] | None = None) -> int:
    """Print the YAML of a rendering, or write it to a file. Returns: the exit status, 2 for an error."""
    parser = argparse.ArgumentParser(prog="make render", description=__doc__)
    add_arguments(parser)
    parser.add_argument("--out", type=Path, help="write to this file")
    arguments = parser.parse_args(argv)
    try:
        rendering = render(arguments.environment, chosen(arguments))
        text = Kustomize.find().build_yaml(top_of(rendering.tree, arguments.environment))
        if arguments.out is None:
            show(text.rstrip("\n"))
            return 0
        partial = arguments.out.with_name(f".{arguments.out.name}.partial")
        partial.write_text(text, encoding="utf-8")
        partial.replace(arguments.out)
    except (KustomizeError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{rendering}: {len(rendering.objects)} objects in {arguments.out}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
