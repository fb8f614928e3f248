"""How many threads a process may well use: its affinity, and in a container its quota."""

from __future__ import annotations

import math
import os
from pathlib import Path

_QUOTA_V2 = Path("/sys/fs/cgroup/cpu.max")
_QUOTA_V1 = Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us")


def usable_cpus() -> int:
    """CPUs that this process may use, at least one. A container with 1.5 CPUs gets two threads."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cgroup_quota(_QUOTA_V2, _QUOTA_V1)
    return max(1, count if quota is None else min(count, math.ceil(quota)))


def cgroup_quota(v2: Path, v1: Path) -> float | None:
    """CPUs that the control group grants, None for no limit (Linux, cgroup v2's cpu.max, then v1's quota)."""
    try:
        quota, period = v2.read_text().split()
    except (OSError, ValueError):
        try:
            quota = v1.read_text().strip()
            period = v1.with_name("cpu.cfs_period_us").read_text().strip()
        except OSError:
            return None
    if not quota.isdecimal():  # "max", or -1 in version 1
        return None
    return int(quota) / int(period)
