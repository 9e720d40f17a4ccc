"""Rules of holding little memory."""

import ctypes
import subprocess
import sys

import pytest

from model_server import memory

# Threads that are alive at a time and have each had a block of two sizes; an arena is a mapping of its own.
PROGRAM = """
import ctypes, sys, threading
from pathlib import Path
from model_server import memory

memory.count_processors = lambda: 2
if sys.argv[1] == "set":
    assert memory.hold_little()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
together = threading.Barrier(9)

def resident_kb():
    (line,) = (one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("VmRSS"))
    return int(line.split()[1])

def work():
    tensor = libc.malloc(120_000)
    ctypes.memset(tensor, 1, 120_000)
    small = libc.malloc(1_000)  # above the tensor: what is freed below it stays with the arena
    ctypes.memset(small, 1, 1_000)
    libc.free(tensor)
    together.wait()
    together.wait()

threads = [threading.Thread(target=work) for _ in range(8)]
before = resident_kb()
for thread in threads:
    thread.start()
together.wait()
print(resident_kb() - before)
together.wait()
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc is Linux's")
def test_tensors_that_are_done_with_are_given_back():
    """Eight threads that have each had a tensor hold little of it, where glibc by itself keeps all of them."""
    kept = {}
    for how in ("set", "not"):
        done = subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True)
        kept[how] = int(done.stdout)
    assert 2 * kept["set"] < kept["not"], kept


def test_without_glibc_nothing_happens(monkeypatch):
    """Where the C library has no mallopt, as on macOS and Alpine, the server runs as it is."""
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    assert not memory.hold_little()
