"""Rules of giving memory back."""

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

from gateway import memory

PROGRAM = """
import ctypes, sys
from pathlib import Path
from gateway.memory import give_back_at_once

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]

def resident_mb():
    (line,) = (one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("VmRSS"))
    return int(line.split()[1]) / 1000

def take(size):
    block = libc.malloc(size)
    ctypes.memset(block, 1, size)
    return block

if sys.argv[1] == "set":
    assert give_back_at_once()
libc.free(take(30_000_000))  # from here on glibc would take blocks up to this size from its arena
before = resident_mb()
blocks = [take(20_000_000) for _ in range(4)]
last = take(500_000)  # keeps the arena from shrinking
for block in blocks:
    libc.free(block)
print(resident_mb() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc is Linux's")
def test_large_blocks_go_back():
    """What a large picture took is the system's again, which it would not be by glibc's own rule."""

    def kept_mb(how):
        apps = Path(memory.__file__).parents[1]
        command = [sys.executable, "-c", PROGRAM, how]
        return float(subprocess.run(command, cwd=apps, capture_output=True, text=True, check=True).stdout)

    assert 5 > kept_mb("set")
    assert 50 < kept_mb("not set")


def test_without_glibc(monkeypatch):
    """Elsewhere nothing happens."""
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    assert not memory.give_back_at_once()
