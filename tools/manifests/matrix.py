"""Tell who may talk to whom, by the NetworkPolicies of a rendering.

docs/network.md has the table that is meant; a rule holds every rendering to it.

python -m tools.manifests.matrix               # the table of all overlays and components, as docs/network.md has it
python -m tools.manifests.matrix prod canary   # of one overlay with components
"""

import argparse
import functools
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from pykustomize import KustomizeError
from tools.manifests.model import Rendering, at
from tools.manifests.network import NAMESPACE_LABEL, End, Port, allows
from tools.manifests.rendering import OVERLAYS, ROOT, all_components, combinations, render, render_all
from tools.manifests.workloads import pods

PAGE = ROOT / "docs/network.md"
YES, NO = "yes", "-"
APP = "app.kubernetes.io/name"


class Place(NamedTuple):
    """Where a connection may lead: a row of the table."""

    end: End
    port: Port

    def __str__(self) -> str:
        """Name the row."""
        protocol = "" if self.port.protocol == "TCP" else f"/{self.port.protocol}"
        address = f" ({self.end.address})" if self.end.address else ""
        return f"{self.end.name} {self.port.number}{protocol}{address}"


_DNS = End("DNS", "kube-system", {"k8s-app": "kube-dns"}, {NAMESPACE_LABEL: "kube-system"})
_PROMETHEUS = End("Prometheus", "monitoring", {APP: "prometheus"}, {NAMESPACE_LABEL: "monitoring"})
# Elsewhere in the cluster, with the label that opens doors in this namespace.
_ELSEWHERE = End("pod elsewhere", "default", {APP: "gateway"}, {NAMESPACE_LABEL: "default"}, "10.244.1.9")
_OUTSIDE = End("outside", address="203.0.113.9")
_OTHERS = (_PROMETHEUS, _ELSEWHERE, _OUTSIDE)
_ADDRESSES = (
    ("internet", "1.1.1.1", (Port(443), Port(80), Port(22), Port(443, "UDP"))),
    ("internet", "2606:4700:4700::1111", (Port(443), Port(80), Port(22))),
    ("metadata of the cloud", "169.254.169.254", (Port(80),)),
    ("metadata of the cloud", "fd00:ec2::254", (Port(80),)),
    ("the same by NAT64", "64:ff9b::a9fe:a9fe", (Port(80),)),
    ("the same by 6to4", "2002:a9fe:a9fe::1", (Port(80),)),
    ("Azure's host", "168.63.129.16", (Port(80),)),
    ("API server", "10.96.0.1", (Port(443),)),
    ("node", "172.18.0.2", (Port(6443), Port(443))),
    ("private", "10.1.2.3", (Port(443),)),
    ("private", "192.168.1.1", (Port(443),)),
    ("private", "100.64.0.1", (Port(443),)),
    ("private", "fc00::1", (Port(443),)),
    ("link-local", "fe80::1", (Port(443),)),
)


def own_ends(rendering: Rendering) -> Iterator[End]:
    """Give the pods of a rendering, one of each kind, and a stranger in the same namespace."""
    namespace = f"classifiers-{rendering.environment}"
    labels = {NAMESPACE_LABEL: namespace}
    for found in rendering.of_kind("Namespace"):
        labels |= at(found, "metadata", "labels", default={})
    for pod in pods(rendering):
        ports = {name: number for container in pod.containers() for name, number in container.ports().items()}
        # KServe's have names for their models; who they are, all the same, is said by label.
        name = pod.app if pod.owner["kind"] == "InferenceService" else pod.owner["metadata"]["name"]
        yield End(name, namespace, pod.labels, labels, ports=ports)
    yield End("stranger", namespace, {APP: "stranger"}, labels)


def matrix(rendering: Rendering) -> dict[tuple[str, str], bool]:
    """Tell for each place and each source whether a connection is allowed: `(row, column)` of the table."""
    own = tuple(own_ends(rendering))
    guest = replace(own[-1], name="guest", labels={APP: "guest"})
    # Its own policy lets it call everybody: what keeps it out is the policy of the one that is called.
    calls = {"podSelector": {"matchLabels": guest.labels}, "policyTypes": ["Egress"], "egress": [{}]}
    policies = (*rendering.of_kind("NetworkPolicy"), {"metadata": {"namespace": guest.namespace}, "spec": calls})
    return {
        (str(place), source.name): allows(policies, source, place.end, place.port)
        for place in _places(own)
        for source in (*own, guest, *_OTHERS)
        if source in own or place.end in own  # what others do among themselves is not for these policies
    }


def table(renderings: Iterable[Rendering]) -> str:
    """Write the table of several renderings: what is always so, or with which overlay or component."""
    cells: dict[tuple[str, str], dict[tuple[str, tuple[str, ...]], bool]] = {}
    # First the one with most pods, so that the rows of all pods come first.
    for one in sorted(renderings, key=lambda each: -len({end.name for end in own_ends(each)})):
        for place, allowed in matrix(one).items():
            cells.setdefault(place, {})[one.environment, one.components] = allowed
    rows, columns = (list(dict.fromkeys(names)) for names in zip(*cells, strict=True))
    columns.sort(key=lambda name: (name in {other.name for other in _OTHERS}, name in {"guest", "stranger"}, name))
    lines = [["to \\ from", *columns], ["---"] * (len(columns) + 1)]
    lines += [
        [row, *(_cell(cells[row, column]) if (row, column) in cells else "" for column in columns)] for row in rows
    ]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


@functools.cache
def meant(page: Path = PAGE) -> dict[tuple[str, str], frozenset[str]]:
    """Read a page's table: for each row and column what it is allowed by: YES, an overlay or a component."""
    text = page.read_text(encoding="utf-8")
    lines = [
        [cell.strip() for cell in line.strip().split("|")[1:-1]] for line in text.splitlines() if line.startswith("|")
    ]
    columns = lines[0][1:]
    return {
        (line[0], column): frozenset(cell.split(", ")) - {NO}
        for line in lines[2:]
        for column, cell in zip(columns, line[1:], strict=True)
        if cell
    }


def _places(own: Sequence[End]) -> Iterator[Place]:
    for end in own:
        # Something that listens where it has not said so.
        for number in (*sorted({*end.ports.values()}), 1234):
            yield Place(end, Port(number))
    yield Place(_DNS, Port(53, "UDP"))
    yield Place(_DNS, Port(53))
    yield Place(_DNS, Port(443))
    yield Place(_ELSEWHERE, Port(443))
    for name, address, ports in _ADDRESSES:
        for port in ports:
            yield Place(End(name, address=address), port)


def _cell(allowed: Mapping[tuple[str, tuple[str, ...]], bool]) -> str:
    """Write when something is allowed, by the overlays alone and with one component."""
    if not any(allowed.values()):
        return NO
    if all(allowed.values()):
        return YES
    alone = {environment for (environment, components), does in allowed.items() if does and not components}
    by = {
        components[0]
        for (environment, components), does in allowed.items()
        if does and len(components) == 1 and environment not in alone
    }
    return ", ".join(sorted(alone | by))


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table. Returns: the exit status: 2 if nothing could be built."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.manifests.matrix",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("environment", nargs="?", choices=OVERLAYS, help="an overlay; without it, all")
    parser.add_argument("components", nargs="*", help=f"of {', '.join(all_components())}")
    given = parser.parse_args(argv)
    if unknown := set(given.components) - set(all_components()):
        parser.error(f"there is no component {', '.join(sorted(unknown))}")
    try:
        if given.environment:
            renderings = [render(given.environment, given.components)]
        else:
            renderings = render_all(each for each in combinations() if len(each.components) <= 1)
    except (KustomizeError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(table(renderings), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
