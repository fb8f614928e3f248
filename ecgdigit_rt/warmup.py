"""Warm-up: load the numerical kernels in a thread, at the same time as the networks."""

from __future__ import annotations

from functools import cache
from threading import Thread

import numpy as np

from ecgdigit_rt.geometry.mesh_fit import mesh_from_phase
from ecgdigit_rt.stages import BINS_PER_MM, STRIP_HALF_HEIGHT_MM
from ecgdigit_rt.tracing.lead_trace import trace_between
from ecgdigit_rt.tracing.strip_prediction import StripPrediction

_PERIOD_PX = 9.0  # grid period of the synthetic page; hand-picked, not tuned


def load_kernels() -> None:
    """Call each kernel that digitizing a page needs, with minimal inputs, so that Numba loads all kernels.

    Loading the kernels from the cache of Numba takes more than 0.5 s, which is most of the time that geometry
    takes on the first page.
    """
    v, u = np.mgrid[0:96, 0:96] / _PERIOD_PX
    u += 0.1 * np.sin(v)  # for a flat page, only half of the kernels are called
    phase_u, phase_v = (np.exp(2j * np.pi * count).astype(np.complex64) for count in (u, v))
    mesh_from_phase(phase_u, phase_v, scale=1.0).maps((0.0, 1.0, 32), (0.0, 1.0, 32), shrink=1)
    bins = round(2 * STRIP_HALF_HEIGHT_MM * BINS_PER_MM)
    logits, presence = np.zeros((bins, 64), np.float32), np.full(64, 4, np.float32)
    logits[bins // 2] = 9
    trace_between(StripPrediction(logits, presence, 0.0), 0.0, 1.0)


@cache
def start_warmup() -> Thread:
    """Start `load_kernels` in a thread, and return the thread. Later calls return the same thread.

    A caller that needs a kernel that is not loaded yet waits until it is loaded.
    """
    thread = Thread(target=load_kernels, name="kernels")
    thread.start()
    return thread


if __name__ == "__main__":  # fills the cache of Numba, for example in a container build
    load_kernels()
