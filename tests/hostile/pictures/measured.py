"""Decode pictures in a process of its own: what became of each, in how much time of the processor and memory.

    python -m tests.hostile.pictures.measured bombs
    python -m tests.hostile.pictures.measured mutations COUNT SEED

Prints a JSON object a picture. A crash ends the process, which whoever started it sees.
"""

import ctypes
import faulthandler
import gc
import json
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

from gateway.pictures import PictureError, to_tensor

SIZE = 224
_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def main(what: str, *numbers: str) -> None:
    """Decode and print."""
    faulthandler.enable()
    warnings.simplefilter("ignore")
    for name, data in _bombs() if what == "bombs" else _mutations(*map(int, numbers)):
        sys.stdout.write(json.dumps(_measure(name, data)) + "\n")


def _bombs() -> Iterator[tuple[str, bytes]]:
    from tests.hostile.pictures.bombs import BOMBS

    for name, draw in BOMBS.items():
        yield name, draw()


def _mutations(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    from tests.hostile.pictures.mutations import mutations, seeds

    for number, data in enumerate(mutations(seeds(), count, seed)):
        yield str(number), data


def _measure(name: str, data: bytes) -> dict[str, object]:
    before_mb = _forget_peak()
    begin_s, clock_s = time.process_time(), time.monotonic()
    try:
        shape = to_tensor(data, SIZE, SIZE).shape
        outcome = "ok" if shape == (SIZE, SIZE, 3) else f"shape {shape}"
    except PictureError as error:
        outcome = type(error).__name__
    except BaseException as error:  # noqa: BLE001 - what is looked for here
        outcome = f"raised {error!r}"
    cpu_s, wall_s = time.process_time() - begin_s, time.monotonic() - clock_s
    return {
        "name": name,
        "bytes": len(data),
        "outcome": outcome,
        "cpu_s": cpu_s,
        "wall_s": wall_s,
        "peak_mb": _memory_mb("VmHWM") - before_mb,
    }


def _forget_peak() -> float:
    """Give memory back to the system and begin the peak anew. Returns: what is resident, MB."""
    gc.collect()
    if not _CLEAR.exists():
        return 0.0
    if hasattr(ctypes.CDLL(None), "malloc_trim"):
        ctypes.CDLL(None).malloc_trim(0)
    _CLEAR.write_text("5")
    return _memory_mb("VmRSS")


def _memory_mb(line: str) -> float:
    if not _STATUS.exists():
        return 0.0
    (found,) = (text for text in _STATUS.read_text().splitlines() if text.startswith(line))
    return int(found.split()[1]) * 1024 / 1e6


if __name__ == "__main__":
    main(*sys.argv[1:])
