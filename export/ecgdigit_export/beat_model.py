"""The model of beats that tracing falls back on where a curve is in doubt (`ecgdigit_rt.tracing.beat_prior`).

    python -m ecgdigit_export.beat_model RECORDINGS OUT.npz

RECORDINGS: an npz or a folder of WFDB records, as `synth --signals` takes them. The shipped model is of the
PTB-XL recordings that the networks learn from. Arrays: `mean` (8, 80) float32 and `components` (8, 80, 80)
float16 of beats at 500 Hz, of unit power, and `residual`, the variance that the components leave out.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgdigit_export.synth.recordings import Recordings, open_recordings
from ecgdigit_rt.results import LEADS
from ecgdigit_rt.tracing.beat_prior import INDEPENDENT, WINDOW, steepest_columns

_COMPONENTS = 80  # 60 lose 0.02 to 0.16 dB, 160 win nothing
_BEATS = 6  # of a recording
_JITTER = 8  # samples: where leads are in doubt, a beat's middle is found to no more than that


def beats(recordings: Recordings, seed: int = 0) -> Iterator[NDArray[np.float64]]:
    """Beats (8, WINDOW) mV, their leads' medians taken away, about their middles."""
    rng = np.random.default_rng(seed)
    own = [LEADS.index(name) for name in INDEPENDENT]
    for index in range(len(recordings)):
        signal = recordings[index][own].astype(np.float64)
        signal = signal - np.median(signal, axis=1, keepdims=True)
        reach = WINDOW // 2 + _JITTER
        places = [
            k for k in steepest_columns(np.diff(signal, axis=1)) if reach <= k < signal.shape[1] - reach
        ]
        for place in places[:_BEATS]:
            first = place + int(rng.integers(-_JITTER, _JITTER + 1)) - WINDOW // 2
            yield signal[:, first : first + WINDOW]


def fitted_model(recordings: Recordings, count: int = _COMPONENTS) -> dict[str, NDArray[np.floating]]:
    """The arrays of a model."""
    vectors = np.stack([beat.ravel() / np.sqrt(np.mean(beat**2)) for beat in beats(recordings)])
    mean = vectors.mean(0)
    values, axes = np.linalg.eigh(np.cov(vectors.T))
    values, axes = values[::-1], axes[:, ::-1]
    components = axes[:, :count] * np.sqrt(values[:count])
    shape = (len(INDEPENDENT), WINDOW)
    return {
        "mean": mean.reshape(shape).astype(np.float32),
        "components": components.reshape(*shape, count).astype(np.float16),
        "residual": np.asarray(values[count:].sum() / mean.size, np.float32),
    }


def main() -> None:
    source, out = (Path(argument) for argument in sys.argv[1:3])
    with out.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **fitted_model(open_recordings(source)))


if __name__ == "__main__":
    main()
