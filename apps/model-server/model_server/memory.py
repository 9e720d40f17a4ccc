"""Keep what malloc holds from creeping up while requests of many sizes come on many threads."""

import ctypes

from model_server.processors import count_processors

_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8  # of glibc's malloc.h; mallopt(3)
_TENSOR_BYTES = 2**16


def hold_little() -> bool:
    """Have glibc keep an arena a processor instead of eight, and take each tensor from the system by itself.

    Else each arena grows to the largest batch that any of its threads ever had, hour after hour. Measured at ten
    requests a second (`make soak`): 1.85 MiB an hour, instead of 0.04, and 10 MiB more from the start.

    Returns: whether there is a glibc that listens.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(_M_ARENA_MAX, count_processors())) and bool(mallopt(_M_MMAP_THRESHOLD, _TENSOR_BYTES))
