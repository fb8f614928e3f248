"""Twelve-lead signals: derivation from eight leads, pacemaker spikes, and simulation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.results import LEADS
from ecgdigit_rt.rhythm import detect_beats

Signals = NDArray[np.float32]
RATE_HZ = 500
DURATION_S = 10
"""Sampling rate and duration of all recordings, as in PTB-XL."""


def with_derived_leads(eight: Signals) -> Signals:
    """Return twelve leads, (12, n), derived from I, II and V1 to V6, (8, n).

    III follows from Einthoven's equation, and aVR, aVL and aVF from Goldberger's equations.
    """
    i, ii = eight[0], eight[1]
    limb = np.stack([i, ii, ii - i, -(i + ii) / 2, i - ii / 2, ii - i / 2])
    return np.concatenate([limb, eight[2:]]).astype(np.float32)


_NEAREST_LEADS = {"V3R": "V1", "V4R": "V1", "V5R": "V1", "V6R": "V1", "V7": "V6", "V8": "V6", "V9": "V6"}
"""Standard leads whose electrodes are nearest to those of right-sided and posterior leads."""


def lead_signal(signals: Signals, lead: str) -> NDArray[np.float32]:
    """Return the signal of a lead from twelve leads, (12, n), in the order of `LEADS`.

    Recordings lack right-sided and posterior leads. Their signal is that of the nearest standard lead.
    """
    return np.asarray(signals[LEADS.index(_NEAREST_LEADS.get(lead, lead))], np.float32)


def heart_rate(signals: Signals) -> int:
    """Return the heart rate of twelve leads, (12, n), in beats per minute, or 70 without beats."""
    intervals = np.diff(detect_beats(np.diff(signals.astype(np.float64), axis=1)))
    return round(60 * RATE_HZ / float(np.median(intervals))) if intervals.size else 70


def with_pacemaker(recording: Signals, rng: np.random.Generator) -> Signals:
    """Return the recording, (12, n), with added pacemaker spikes.

    The spikes are one or two samples wide and have a different height in each lead. They are not aligned with
    the beats of the recording. Printed spikes resemble vertical grid lines.
    """
    interval = round(60 / rng.uniform(55, 95) * RATE_HZ)
    spikes = np.zeros(recording.shape[1], np.float32)
    for at in range(int(rng.integers(interval)), spikes.size - 2, interval):
        spikes[at] = 1
        spikes[at + 1] = rng.choice((0.0, rng.uniform(-0.3, 1)))
    height = (rng.uniform(0.1, 2.5) * rng.standard_normal(8)).clip(-3, 3).astype(np.float32)
    return recording + with_derived_leads(height[:, None] * spikes)


# Time relative to the R peak (s), width (s) and height (mV) of the waves P, Q, R, S and T in a typical lead
# II, after McSharry et al., "A dynamical model for generating synthetic ECG signals", IEEE TBME 2003. P and T
# are compressed in time if the beat interval is less than 1 s.
_WAVES = (
    (-0.20, 0.025, 0.12),
    (-0.030, 0.008, -0.10),
    (0.0, 0.010, 1.1),
    (0.032, 0.010, -0.2),
    (0.30, 0.05, 0.3),
)

# Factors of the heights in `_WAVES` by lead (I, II, V1 to V6) and wave. Hand-picked, not fitted.
_PROJECTION = np.array(
    [
        [0.6, 0.6, 0.6, 0.3, 0.6],
        [1.0, 1.0, 1.0, 1.0, 1.0],
        [0.4, -0.2, 0.25, 4.5, -0.3],
        [0.5, -0.2, 0.5, 6.0, 1.2],
        [0.6, 0.3, 0.9, 4.0, 1.4],
        [0.6, 1.0, 1.5, 2.5, 1.3],
        [0.6, 1.2, 1.4, 1.0, 1.0],
        [0.5, 1.0, 1.0, 0.5, 0.8],
    ]
)


def simulated_recording(rng: np.random.Generator) -> Signals:
    """Return a simulated recording, (12, 5000) float32 in mV.

    It is the sum of beats, baseline wander and noise. Each beat is a sum of Gaussians.
    """
    time = np.arange(RATE_HZ * DURATION_S) / RATE_HZ
    interval = 60 / rng.uniform(50, 110)
    beats = np.cumsum(interval * (1 + 0.04 * rng.standard_normal(40))) - rng.uniform(0, 1)
    projection = _PROJECTION * rng.uniform(0.6, 1.4, _PROJECTION.shape)
    eight = np.zeros((8, time.size))
    for (delay, width, height), strength in zip(_WAVES, projection.T, strict=True):
        stretch = min(1.0, interval) if abs(delay) > 0.1 else 1.0
        centres = beats + delay * stretch
        wave = np.exp(-0.5 * ((time[:, None] - centres) / (width * stretch)) ** 2).sum(1)
        eight += height * strength[:, None] * wave
    wander = rng.uniform(0, 0.08, (8, 1)) * np.sin(
        2 * np.pi * (rng.uniform(0.15, 0.4) * time + rng.uniform(0, 1, (8, 1)))
    )
    return with_derived_leads((eight + wander + 0.006 * rng.standard_normal(eight.shape)).astype(np.float32))
