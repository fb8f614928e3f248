"""Fit of the beat model that corrects low-confidence columns (`ecgdigit_rt.tracing.beat_prior`).

    python -m ecgdigit_export.beat_model RECORDINGS OUT.npz

RECORDINGS is an npz file or a folder of WFDB records, as for `synth --signals`. The shipped model was fitted
to the PTB-XL recordings on which the networks were trained. OUT.npz contains three arrays, for beats at 500
Hz that are scaled to unit power:

- `mean`, (8, 80) float32: the mean beat.
- `components`, (8, 80, 80) float16: the principal components, each scaled to its standard deviation.
- `residual`, float32: the variance per sample that the components do not explain.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgdigit_export.synth.recordings import Recordings, open_recordings
from ecgdigit_rt.results import LEADS
from ecgdigit_rt.rhythm import detect_beats
from ecgdigit_rt.tracing.beat_prior import INDEPENDENT, WINDOW

# Number of principal components. With 60, the scores of the measured pages are 0.02 to 0.16 dB lower. With
# 160, they are not higher.
_COMPONENTS = 80
# Maximum number of beats from one recording. Hand-picked, not tuned.
_MAX_BEATS = 6
# Maximum random shift of a beat in samples. It is about the error with which the middle of a beat is detected
# in low-confidence leads.
_JITTER = 8


def extract_beats(recordings: Recordings, seed: int = 0) -> Iterator[NDArray[np.float64]]:
    """Yield up to `_MAX_BEATS` beats of each recording, each beat (8, WINDOW) in mV.

    Each beat is in the middle of its window, except for a random shift. The median of each lead of the
    recording is subtracted.
    """
    rng = np.random.default_rng(seed)
    independent = [LEADS.index(name) for name in INDEPENDENT]
    for index in range(len(recordings)):
        signal = recordings[index][independent].astype(np.float64)
        signal = signal - np.median(signal, axis=1, keepdims=True)
        margin = WINDOW // 2 + _JITTER
        columns = [k for k in detect_beats(np.diff(signal, axis=1)) if margin <= k < signal.shape[1] - margin]
        for column in columns[:_MAX_BEATS]:
            first = column + int(rng.integers(-_JITTER, _JITTER + 1)) - WINDOW // 2
            yield signal[:, first : first + WINDOW]


def fit_beat_model(recordings: Recordings, count: int = _COMPONENTS) -> dict[str, NDArray[np.floating]]:
    """Fit a principal component analysis with `count` components and return the arrays of the model."""
    vectors = np.stack([beat.ravel() / np.sqrt(np.mean(beat**2)) for beat in extract_beats(recordings)])
    mean = vectors.mean(0)
    variances, axes = np.linalg.eigh(np.cov(vectors.T))
    variances, axes = variances[::-1], axes[:, ::-1]
    components = axes[:, :count] * np.sqrt(variances[:count])
    shape = (len(INDEPENDENT), WINDOW)
    return {
        "mean": mean.reshape(shape).astype(np.float32),
        "components": components.reshape(*shape, count).astype(np.float16),
        "residual": np.asarray(variances[count:].sum() / mean.size, np.float32),
    }


def main() -> None:
    """Fit the model to the recordings at the path in the first argument, and write it to the second path."""
    source, out = (Path(argument) for argument in sys.argv[1:3])
    with out.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **fit_beat_model(open_recordings(source)))


if __name__ == "__main__":
    main()
