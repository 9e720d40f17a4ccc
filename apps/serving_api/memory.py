"""How a server's malloc holds memory: what gateway and model server both set, each with limits of its own."""

import ctypes

_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8  # of glibc's malloc.h; mallopt(3)


def limit_malloc(arenas: int, block_bytes: int) -> bool:
    """Have glibc share so many arenas among all threads, and take each larger block from the system by itself.

    Before there are threads: an arena that one has, it keeps.

    Returns: whether there is a glibc that listens.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(_M_ARENA_MAX, arenas)) and bool(mallopt(_M_MMAP_THRESHOLD, block_bytes))
