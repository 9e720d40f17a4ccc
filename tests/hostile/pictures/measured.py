"""Decode pictures in a process of its own: what became of each, in how much time of the processor and memory.

    python -m tests.hostile.pictures.measured files FOLDER
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
from pathlib import Path

from gateway.pictures import PictureError, to_tensor
from tests.hostile.pictures.mutations import mutations, seeds

SIZE = 224
_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def main(what: str, *arguments: str) -> None:
    """Decode and print."""
    faulthandler.enable()
    warnings.simplefilter("ignore")
    if what == "files":
        pictures = ((path.name, path.read_bytes()) for path in sorted(Path(arguments[0]).iterdir()))
    else:
        count, seed = map(int, arguments)
        pictures = ((str(number), data) for number, data in enumerate(mutations(seeds(), count, seed)))
    _forget_peak()
    for name, data in pictures:
        before_mb = _forget_peak() if what == "files" else _memory_mb("VmRSS")
        one = _measure(name, data)
        one["peak_mb"] = _memory_mb("VmHWM") - before_mb
        sys.stdout.write(json.dumps(one) + "\n")


def _measure(name: str, data: bytes) -> dict[str, object]:
    begin_s = time.process_time()
    try:
        shape = to_tensor(data, SIZE, SIZE).shape
        outcome = "ok" if shape == (SIZE, SIZE, 3) else f"shape {shape}"
    except PictureError as error:
        outcome = type(error).__name__
    except BaseException as error:  # noqa: BLE001 - what is looked for here
        outcome = f"raised {error!r}"
    return {"name": name, "outcome": outcome, "cpu_s": time.process_time() - begin_s}


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
