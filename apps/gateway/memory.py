"""Give the memory that large pictures took back to the system as soon as they are done with."""

from serving_api.memory import limit_malloc

_LARGE_BYTES = 2**17
_ARENAS = 2


def give_back_at_once() -> bool:
    """Have glibc take each larger block from the system by itself, and share two arenas among threads.

    It would raise that limit, up to 32 MiB, when a large block is freed; pictures would then come from its arenas, of
    which threads have their own, and leave holes in them. Measured with two bombs at a time: 587 MB at most and 465 MB
    for ever, instead of 319 and 88; at ten requests a second (`make soak`), 3.3 MiB more in an hour with an arena
    a thread and blocks of a megabyte.

    Returns: whether there is a glibc that listens.
    """
    return limit_malloc(_ARENAS, _LARGE_BYTES)
