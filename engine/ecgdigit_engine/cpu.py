"""Properties of the CPU: number of usable CPUs, name, and feature flags."""

from __future__ import annotations

import math
import os
from functools import cache
from pathlib import Path

_QUOTA_V2 = Path("/sys/fs/cgroup/cpu.max")
_QUOTA_V1 = Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us")


def usable_cpus() -> int:
    """Return the number of CPUs that this process may use, at least 1.

    The affinity of the process and the quota of its container limit the number. A quota of 1.5 CPUs is
    rounded up to 2.
    """
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cgroup_quota(_QUOTA_V2, _QUOTA_V1)
    return max(1, count if quota is None else min(count, math.ceil(quota)))


def cgroup_quota(v2: Path, v1: Path) -> float | None:
    """Return the quota of the control group as a number of CPUs, or None if there is no limit.

    `v2` is the file cpu.max of Linux cgroup v2. `v1` is the file cpu.cfs_quota_us of cgroup v1.
    """
    try:
        quota, period = v2.read_text().split()
    except (OSError, ValueError):
        try:
            quota = v1.read_text().strip()
            period = v1.with_name("cpu.cfs_period_us").read_text().strip()
        except OSError:
            return None
    if not quota.isdecimal():  # "max" in version 2, -1 in version 1
        return None
    return int(quota) / int(period)


@cache
def _cpuinfo_value(*names: str) -> str:
    """Return the value of the first line of /proc/cpuinfo that begins with one of `names`, or ""."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(names)), "")


def cpu_flags() -> frozenset[str]:
    """Return the CPU feature flags with their Linux names, such as avx512_bf16. Empty on other systems."""
    return frozenset(_cpuinfo_value("flags", "Features").split())


def has_bf16_dot_product() -> bool:
    """Return whether the CPU has x86 instructions for dot products of bf16. Always False on Arm.

    Without these instructions, bf16 is emulated and not expected to be faster than FP32.
    """
    return bool(cpu_flags() & {"avx512_bf16", "amx_bf16"})


def has_int8_dot_product() -> bool:
    """Return whether the CPU has dot products of 8-bit integers.

    Without them, INT8 is not expected to be much faster than FP32, and the 16-bit intermediate sums of AVX2
    may saturate.
    """
    return bool(cpu_flags() & {"avx512_vnni", "avx_vnni", "amx_int8", "asimddp"})


def cpu_name() -> str:
    """Return the name of the processor, or "unknown CPU"."""
    return _cpuinfo_value("model name") or "unknown CPU"
