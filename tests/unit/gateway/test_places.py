"""Rules of how much may be decoded at a time."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway import places
from gateway.places import Places

MIB = 2**20


@pytest.mark.parametrize(
    ("limit", "expected"),
    [(None, 8), (2**40, 8), (1024 * MIB, 8), (512 * MIB, 8), (384 * MIB, 4), (300 * MIB, 1), (128 * MIB, 1)],
)
def test_places_follow_the_memory_limit(monkeypatch, limit, expected):
    """A small container decodes less at a time, and each at least one picture."""
    monkeypatch.setattr(places, "memory_limit_bytes", lambda: limit)
    assert expected == places.default_places()


@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        ("0::/\n", {"memory.max": "268435456\n"}, 256 * MIB),
        ("0::/\n", {"memory.max": "max\n"}, None),
        ("0::/\n", {}, None),
        ("0::/pods/one\n", {"pods/one/memory.max": "max\n", "pods/memory.max": "1024\n"}, 1024),
        ("0::/pods/one\n", {"pods/one/memory.max": "512\n", "pods/memory.max": "1024\n"}, 512),
        ("5:cpu:/\n3:memory:/docker/1\n", {"memory/docker/1/memory.limit_in_bytes": "2048\n"}, 2048),
        ("3:memory:/docker/1\n0::/\n", {"memory/memory.limit_in_bytes": "4096\n"}, 4096),
        ("3:memory:/\n", {"memory/memory.limit_in_bytes": "9223372036854771712\n"}, None),
    ],
)
def test_limit_of_the_control_group(tmp_path, groups, files, expected):
    """The limit is read of version 2 and 1, of the group or of one above it, where it is to be seen."""
    (tmp_path / "cgroup").write_text(groups)
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert expected == places.memory_limit_bytes(tmp_path, tmp_path / "cgroup")


def test_no_control_groups(tmp_path):
    """Where there are none, as on macOS, there is no limit."""
    assert None is places.memory_limit_bytes(tmp_path, tmp_path / "absent")


@pytest.mark.parametrize(("weight", "expected"), [(1, 1), (8_000_000, 1), (8_000_001, 2), (50_000_000, 7)])
def test_a_large_picture_takes_several(weight, expected):
    """Places are counted in pictures of ordinary size."""
    assert expected == Places(8).needed(weight)


def test_no_more_than_there_are():
    """Whoever comes, together they hold at most all places, and all get theirs."""
    rooms, lock, held, most, done = Places(8), threading.Lock(), [0], [0], []

    def visit(needed):
        with rooms.taken(needed):
            with lock:
                held[0] += needed
                most[0] = max(most[0], held[0])
            threading.Event().wait(0.002)
            with lock:
                held[0] -= needed
        done.append(needed)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(visit, [7, 1, 1, 5, 8, 1, 1, 2, 7, 3] * 6))
    assert 60 == len(done)
    assert 1 < most[0] <= 8


def test_small_pictures_pass_a_large_one_that_waits():
    """While two large pictures are at it, one after the other, small ones still find a place."""
    rooms, inside, leave = Places(8), threading.Event(), threading.Event()

    def stay():
        with rooms.taken(7):
            inside.set()
            leave.wait(5)

    with ThreadPoolExecutor(3) as pool:
        pool.submit(stay)
        pool.submit(stay)
        assert inside.wait(5)
        with rooms.taken(1):
            leave.set()
