"""What the machine could do at best: multiply matrices, and decode pictures and nothing else."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import numpy as np

from ecgdigit_rt.decode.decode_page import rgb_from_page
from ecgdigit_rt.results import PageRef

_SIDE = 2048
_TIMES = 7


def gemm_flops() -> float:
    """FP32 operations a second of NumPy's matrix product on all its threads, median of seven."""
    a = np.random.default_rng(0).standard_normal((_SIDE, _SIDE), np.float32)
    seconds = []
    for _ in range(_TIMES):
        started = time.perf_counter()
        a @ a
        seconds.append(time.perf_counter() - started)
    return 2 * _SIDE**3 / median(seconds)


def decoded_pages_per_s(pages: Sequence[PageRef], threads: int) -> float:
    """Pages a second when nothing is done but to decode them, on so many threads."""
    started = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        for image in pool.map(rgb_from_page, pages):
            del image
    return len(pages) / (time.perf_counter() - started)
