"""Speed of matrix products and of image decoding on this machine, which limits any pipeline."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import numpy as np

from ecgdigit_rt.decode.file_formats import rgb_from_page
from ecgdigit_rt.results import PageRef

_SIDE, _REPEATS = 2048, 7
"""Matrix size and number of products. Hand-picked, not tuned: each product takes a fraction of a second."""


def machine_limits(pages: Sequence[PageRef], threads: int) -> dict[str, float]:
    """Measure the limits of this machine, with the keys of the JSON output of `ecgdigit-rt bench`."""
    return {
        "gemm_fp32_gflops": round(gemm_flops() / 1e9, 1),
        "decode_pages_per_s": round(decoded_pages_per_s(pages, threads), 2),
    }


def gemm_flops() -> float:
    """Return the median FP32 operations per second of NumPy's matrix product, on all threads of NumPy."""
    a = np.random.default_rng(0).standard_normal((_SIDE, _SIDE), np.float32)
    seconds = []
    for _ in range(_REPEATS):
        started = time.perf_counter()
        a @ a
        seconds.append(time.perf_counter() - started)
    return 2 * _SIDE**3 / median(seconds)


def decoded_pages_per_s(pages: Sequence[PageRef], threads: int) -> float:
    """Return the number of pages per second that `threads` threads decode."""
    started = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        for image in pool.map(rgb_from_page, pages):
            del image
    return len(pages) / (time.perf_counter() - started)
