"""Count the processors that this process may use, which in a container are fewer than the machine has."""

import math
import os
from pathlib import Path

CGROUP_CPU_MAX = Path("/sys/fs/cgroup/cpu.max")


def count_processors(cpu_max: Path = CGROUP_CPU_MAX) -> int:
    """Count the processors to size thread pools by; at least 1.

    More threads than that would only take turns, and a container over its limit is stopped for the rest of each
    period. The original looks at the affinity alone.

    Args:
        cpu_max: cgroup v2's `quota period`, microseconds, or `max period`; a Pod's CPU limit ends up there.
    """
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = cpu_max.read_text().split()
        limit = affinity if quota == "max" else math.ceil(int(quota) / int(period))
    except (OSError, ValueError, ZeroDivisionError):
        limit = affinity  # no cgroup v2 here
    return max(1, min(affinity, limit))
