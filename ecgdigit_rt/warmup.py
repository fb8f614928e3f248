"""Kernels loaded ahead of their first page, while networks are read and run."""

from __future__ import annotations

from functools import cache
from threading import Thread

import numpy as np

from ecgdigit_rt.geometry.mesh_fit import mesh_from_phase
from ecgdigit_rt.stages import BINS_PER_MM, STRIP_HALF_HEIGHT_MM
from ecgdigit_rt.tracing.lead_trace import StripPrediction, trace_between

_PERIOD_PX = 9.0


def load_kernels() -> None:
    """Call every kernel of a page's way once, on as little as will do.

    Loading them from Numba's cache takes more than half a second, most of the first page's geometry.
    """
    down, along = np.mgrid[0:96, 0:96] / _PERIOD_PX
    along += 0.1 * np.sin(down)  # a flat page needs but half of them
    a, b = (np.exp(2j * np.pi * count).astype(np.complex64) for count in (along, down))
    mesh_from_phase(a, b, scale=1.0).maps((0.0, 1.0, 32), (0.0, 1.0, 32), shrink=1)
    bins = round(2 * STRIP_HALF_HEIGHT_MM * BINS_PER_MM)
    logits, presence = np.zeros((bins, 64), np.float32), np.full(64, 4, np.float32)
    logits[bins // 2] = 9
    trace_between(StripPrediction(logits, presence, 0.0), 0.0, 1.0)


@cache
def start_warmup() -> Thread:
    """A thread, one a process, in which `load_kernels` runs; who needs a kernel sooner waits for it."""
    thread = Thread(target=load_kernels, name="kernels")
    thread.start()
    return thread


if __name__ == "__main__":  # python -m ecgdigit_rt.warmup: fills Numba's cache, as when an image is built
    load_kernels()
