"""One run at a time at what two runs may want at once, such as a download or a cache."""

import fcntl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold a file for this process; wait, and say so, while another process holds it.

    The system lets go of it when a process ends, however it ends, so a killed run never blocks the next.

    Args:
        path: made if it is not there; its content is left alone. Its folder is made as well.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"waiting for another run that writes {path.name} ...", file=sys.stderr)
            fcntl.flock(held, fcntl.LOCK_EX)
        yield
