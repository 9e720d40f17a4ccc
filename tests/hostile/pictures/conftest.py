"""What tests of pictures share."""

import json
import subprocess
import sys

import pytest

from tests.contract.running import ENVIRONMENT, ROOT


@pytest.fixture
def measured():
    """Decode in a process of its own; see measured.py."""

    def run(*arguments):
        done = subprocess.run(
            [sys.executable, "-m", "tests.hostile.pictures.measured", *map(str, arguments)],
            cwd=ROOT,
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        assert 0 == done.returncode, done.stderr[-2000:]
        return [json.loads(line) for line in done.stdout.splitlines()]

    return run
