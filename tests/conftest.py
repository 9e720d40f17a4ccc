"""What tests of several folders share: a fourth classifier, added as a user adds one, the figures of a run,
and the hook that keeps every test on its own machine.
"""

import dataclasses
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.figures import Figure, Figures
from tests.hostile.connections import Connections, watched
from tests.spread import Parts, arrange, share_cores
from tools.models import DEFAULT, LIST, MODELS

ROOT = Path(__file__).parents[1]
FOURTH, FOURTH_LABELS, FOURTH_TASK = "lunch", ("garment", "salad", "sky"), "Say what is on the table."

BEYOND = {
    "images",
    "e2e",
    "delivery",
    "kserve",
    "network",
    "backbones",
}  # markers of tests that need more than this machine

FIGURES = pytest.StashKey[Figures]()

if "PYTEST_XDIST_WORKER_COUNT" in os.environ:
    share_cores(int(os.environ["PYTEST_XDIST_WORKER_COUNT"]), os.environ)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Spread the tests with `-n` as tests/spread.py says, unless another way is asked for by `--dist`."""
    if "loadscope" == config.getvalue("dist"):
        config.option.loadscopereorder = False
        return Parts(config, log)
    return None


def pytest_collection_modifyitems(config, items):
    """Put them into order in every worker."""
    if hasattr(config, "workerinput"):
        arrange(items)


@pytest.fixture(scope="session")
def figures(request):
    """Keep what was measured; the run ends with a table of it."""
    return request.config.stash.setdefault(FIGURES, Figures())


def pytest_sessionfinish(session):
    """Send what a worker measured to the process that prints."""
    config = session.config
    if hasattr(config, "workeroutput"):
        config.workeroutput["figures"] = [dataclasses.astuple(one) for one in config.stash.get(FIGURES, ())]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    """Keep what a worker sent; one that died sent nothing."""
    if sent := getattr(node, "workeroutput", {}).get("figures"):
        node.config.stash.setdefault(FIGURES, Figures()).extend(Figure(*one) for one in sent)


def pytest_terminal_summary(terminalreporter, config):
    """Print the table."""
    if figures := config.stash.get(FIGURES, None):
        terminalreporter.section("figures")
        terminalreporter.write_line("\n".join(figures.table()))


@pytest.fixture(autouse=True)
def connections(request):
    """Fail a test that connects or looks up outside of this machine; it may narrow what is allowed."""
    if BEYOND & {marker.name for marker in request.node.iter_markers()}:
        yield None
        return
    with watched(Connections()) as allowed:
        yield allowed
    assert [] == allowed.refused, "outside of what the test allows"


@pytest.fixture(scope="session")
def fourth_repository(tmp_path_factory):
    """A working tree with `pizza`, to which `training new` added one more classifier, trained on drawn pictures.

    Gives the tree; its pictures are in `drawn`, what the command printed in `said.txt`.
    """
    from training.artefact.drawings import write_folder

    root = tmp_path_factory.mktemp("repository")
    (root / "training/configs").mkdir(parents=True)
    (root / "apps/model-server").mkdir(parents=True)
    shutil.copytree(MODELS / DEFAULT, root / "apps/model-server/models" / DEFAULT)
    shutil.copy(LIST, root / "apps/model-server")
    write_folder(root / "drawn", FOURTH_LABELS, 50)
    command = [
        sys.executable, "-m", "training", "new", FOURTH, "--data", str(root / "drawn"), "--quick", "--size", "64",
        "--task", FOURTH_TASK, "--repository", str(root), "--cache", str(root / "runs/cache"),
    ]  # fmt: skip
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stdout + done.stderr
    (root / "said.txt").write_text(done.stdout)
    return root
