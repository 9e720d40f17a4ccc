"""How much may be decoded at a time: places, as many as the container's memory allows.

A place is the memory of a picture of ordinary size; a large picture takes several.
"""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath

# Of a baseline JPEG, which Pillow keeps in four bytes each: 32 MB.
PIXELS_A_PLACE = 8_000_000
_BYTES_A_PLACE = 4 * PIXELS_A_PLACE
_RESERVED_BYTES = 256 * 2**20  # the gateway without pictures, and the requests' bodies
MOST_PLACES = 8  # a largest picture and an ordinary one beside it; more would take memory and no less time

_CGROUPS = Path("/sys/fs/cgroup")
_OF_THIS_PROCESS = Path("/proc/self/cgroup")


class Places:
    """The places of a process; safe to use from many threads.

    Small pictures never wait for more than one large one.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._free = threading.BoundedSemaphore(count)
        self._large = threading.Lock()  # one gathers its places at a time, so no two hold each other up

    def needed(self, weight: int) -> int:
        """Say how many places a picture takes that weighs as much as a baseline JPEG of so many pixels."""
        return max(1, -(-weight // PIXELS_A_PLACE))

    @contextmanager
    def taken(self, needed: int) -> Iterator[None]:
        """Wait for places and hold them. `needed` is at most `count`."""
        with ExitStack() as held:
            if needed > 1:
                held.enter_context(self._large)
            for _ in range(needed):
                held.enter_context(self._free)
            yield


def default_places() -> int:
    """Count the places that the container's memory allows; as many as are of use where it has no limit."""
    limit = memory_limit_bytes()
    return MOST_PLACES if limit is None else max(1, min(MOST_PLACES, (limit - _RESERVED_BYTES) // _BYTES_A_PLACE))


def memory_limit_bytes(cgroups: Path = _CGROUPS, of_this_process: Path = _OF_THIS_PROCESS) -> int | None:
    """Read the memory limit of the control group (version 2 or 1) that this process is in; None where there is none.

    Its ancestors' limits hold too, as far as they are to be seen: in a container that is often the root alone.
    """
    try:
        lines = of_this_process.read_text().splitlines()
    except OSError:  # not Linux
        return None
    limits = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            folder, name = cgroups, "memory.max"
        elif "memory" in controllers.split(","):
            folder, name = cgroups / "memory", "memory.limit_in_bytes"
        else:
            continue
        relative = PurePosixPath(path.lstrip("/"))
        limits += [_number(folder / group / name) for group in (relative, *relative.parents)]
    known = [limit for limit in limits if limit is not None]
    return min(known) if known else None


def _number(file: Path) -> int | None:
    """Read a limit; None for `max`, for version 1's way to say so, and where there is no such file."""
    try:
        value = int(file.read_text())
    except (OSError, ValueError):
        return None
    return value if value < 2**60 else None
