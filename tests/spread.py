"""How `pytest -n` spreads a run over its workers: the tests of a file go to one of them, in the order of the file.

Files that share what takes long to start go to one worker as well, so that it is started once. Everything else may run
beside anything: tests take free ports and temporary folders, and change nothing in the working tree.
"""

import os
from collections.abc import MutableMapping

import pytest
from xdist.scheduler import LoadScopeScheduling

# What the files share, and the beginnings of their names.
TOGETHER = {
    "a browser, and a classifier that was added": ("tests/browser/", "tests/contract/test_new.py"),
    "servers of both engines": (
        "tests/contract/test_canary.py", "tests/contract/test_engines.py", "tests/contract/test_gateway.py",
        "tests/contract/test_model_server_",
    ),
    "a model that was exported wrongly": ("tests/contract/test_verify.py", "tests/contract/test_skew.py"),
    "renderings": tuple(
        f"tests/manifests/test_{name}.py"
        for name in (
            "canary", "components", "monitoring", "network", "references", "rendering", "rules", "schemas", "verify",
        )
    ),
}  # fmt: skip
# Tests of these files share nothing that is slow, and each takes long.
APART = ("tests/contract/test_backbones.py", "tests/unit/training/test_backbones.py")
# Begun first, the longest at the head: begun last, they would be waited for while the other workers have nothing to do.
FIRST = (
    "tests/contract/test_backbones.py",
    "a browser, and a classifier that was added",
    "a model that was exported wrongly",
    "tests/unit/training/",
    "renderings",
    "servers of both engines",
    "tests/unit/tools/delivery/test_promote.py",
    "tests/manifests/",
)


def part_of(nodeid: str) -> str:
    """Name the part of a run that a test belongs to: one worker gets all of it."""
    file = nodeid.partition("::")[0]
    if file in APART:
        return nodeid
    return next((name for name, starts in TOGETHER.items() if file.startswith(starts)), file)


def rank_of(part: str) -> int:
    """Say when a part is begun: a lower one first."""
    return next((rank for rank, start in enumerate(FIRST) if part.startswith(start)), len(FIRST))


class Parts(LoadScopeScheduling):
    """Give the next part to whoever is free, in the order in which the tests were collected."""

    def _split_scope(self, nodeid: str) -> str:
        return part_of(nodeid)


def arrange(items: list[pytest.Item]) -> None:
    """Put the tests of a worker into the order in which parts are begun."""
    items.sort(key=lambda item: rank_of(part_of(item.nodeid)))


def share_cores(workers: int, environment: MutableMapping[str, str]) -> None:
    """Let TensorFlow, and what a worker starts, take its part of the cores: threads that wait in turns only cost."""
    threads = max(1, (os.cpu_count() or 1) // workers)
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
        environment.setdefault(name, str(threads))
