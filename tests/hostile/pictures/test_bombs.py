"""Bombs: what is small to send and would cost much to open costs little, or is refused."""

import contextlib
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from gateway.pictures import PictureError, to_tensor
from tests.contract.running import Running
from tests.hostile.pictures import bombs
from tests.hostile.pictures.bombs import BOMBS
from tools.models import DEFAULT, MODELS, versions

GOLDEN = (MODELS / DEFAULT / str(versions(DEFAULT)[-1]) / "golden" / "pizza-wide.png").read_bytes()
MOST_MB, MOST_S, LIMIT_S = 500, 1.0, 5.5
# Quick to draw, one a format and kind of trap.
QUICK = (
    bombs.png_header,
    bombs.png_empty_chunks,
    bombs.png_exif,
    bombs.jpeg_header,
    bombs.jpeg_comments,
    bombs.jpeg_fill_to_the_end,
    bombs.jpeg_exif,
    bombs.gif_frame,
    bombs.gif_comment,
    bombs.bmp_steps,
    bombs.webp_canvas,
    bombs.webp_frames,
    bombs.avif_header,
    bombs.avif_hidden_frames,
    bombs.avif_large_grid,
)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Draw all bombs into a folder, each under the sentence about it."""
    folder = tmp_path_factory.mktemp("bombs")
    for name, draw in BOMBS.items():
        (folder / name).write_bytes(draw())
    return folder


@pytest.mark.parametrize("draw", QUICK, ids=lambda draw: draw.__name__)
def test_quick_ones(draw):
    """A bomb that has to be refused or answered at once is."""
    data = draw()
    begin_s = time.process_time()
    with contextlib.suppress(PictureError):
        to_tensor(data, 64, 64)
    assert 2 * MOST_S > time.process_time() - begin_s


@pytest.mark.hostile
def test_each_alone(figures, measured, drawn):
    """Each is refused or answered, in little time of the processor and little memory."""
    found = measured("files", drawn)
    assert len(BOMBS) == len(found) >= 40
    assert {"ok", "UndecodablePicture", "PictureTooLarge"} == {one["outcome"] for one in found}
    dearest, largest = max(found, key=lambda one: one["cpu_s"]), max(found, key=lambda one: one["peak_mb"])
    figures.add("bombs", len(found), at_least=40)
    figures.add(f"dearest, {dearest['name']}", dearest["cpu_s"], "s of CPU", at_most=MOST_S)
    figures.add(f"largest, {largest['name']}", largest["peak_mb"], "MB", at_most=MOST_MB / 2)
    assert MOST_MB / 2 > largest["peak_mb"], largest
    assert 3 * MOST_S > dearest["cpu_s"], dearest


@pytest.mark.hostile
def test_gateway_under_two_at_a_time(figures, drawn):
    """Two at a time, the gateway answers each, stays small, and is as good as before when they are over."""
    queue, statuses, slowest = list(drawn.iterdir()), {}, [0.0]
    running = Running()
    try:
        before = running.post(GOLDEN, "image/png")
        gateway = _gateway_of(running.process.pid)

        def send():
            while queue:
                data = (path := queue.pop()).read_bytes()
                begin_s = time.monotonic()
                statuses[path.name] = _status(f"{running.address}/predict", data)
                slowest[0] = max(slowest[0], time.monotonic() - begin_s)

        threads = [threading.Thread(target=send) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(600)
        assert len(BOMBS) == len(statuses)
        assert {200, 413, 422} >= set(statuses.values()), statuses
        assert before == running.post(GOLDEN, "image/png")
        peak_mb, left_mb = _memory_mb(gateway, "VmHWM"), _memory_mb(gateway, "VmRSS")
    finally:
        running.stop()
    figures.add("gateway's peak under two bombs at a time", peak_mb, "MB", at_most=MOST_MB)
    figures.add("what is left of it when they are over", left_mb, "MB", at_most=150)
    figures.add("slowest answer to a bomb", slowest[0], "s", at_most=LIMIT_S)
    assert MOST_MB >= peak_mb


def _status(url, data):
    try:
        with urllib.request.urlopen(
            urllib.request.Request(url, data, {"Content-Type": "image/png"}), timeout=60
        ) as one:
            return one.status
    except urllib.error.HTTPError as error:
        return error.code


def _gateway_of(parent):
    """Find the gateway's process among those that `make run` started."""
    for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
        if b"gateway" in Path(f"/proc/{pid}/cmdline").read_bytes():
            return int(pid)
    pytest.fail("no gateway runs")


def _memory_mb(pid, which):
    (line,) = (one for one in Path(f"/proc/{pid}/status").read_text().splitlines() if one.startswith(which))
    return int(line.split()[1]) * 1024 / 1e6
