"""What the fuzzer begins with is fine, and what it looks for is noticed."""

import contextlib
import subprocess
import sys

import pytest

from tests.contract.running import ENVIRONMENT, ROOT
from tests.hostile.fuzz.targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_seeds(name):
    """Each target takes its own seeds, whole, cut and turned around, and raises nothing but what it may."""
    target = TARGETS[name]
    for seed in target.seeds():
        for data in (seed, seed[: len(seed) // 2], seed[::-1]):
            with contextlib.suppress(*target.may_raise):
                target.run(data)


@pytest.mark.parametrize("name", ["decode", "formats", "colours", "tensors", "picture hosts' answers", "URLs"])
def test_seeds_are_valid(name):
    """The fuzzer begins with what is accepted: from there it gets further."""
    for seed in TARGETS[name].seeds():
        TARGETS[name].run(seed)


def test_fuzzer_notices(tmp_path):
    """An error that a target may not raise ends the fuzzer with a status that says so."""
    program = (
        "from tests.hostile.fuzz import one, targets\n"
        "def run(data): raise KeyError\n"
        "one.TARGETS['broken'] = targets.Target(run, (ValueError,), list)\n"
        f"one.main('broken', '-runs=10', '-artifact_prefix={tmp_path}/')\n"
    )
    pytest.importorskip("atheris")
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=ENVIRONMENT, capture_output=True, check=False)
    assert 0 != done.returncode
    assert b"KeyError" in done.stdout + done.stderr
    assert list(tmp_path.glob("crash-*"))
