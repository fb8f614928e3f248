"""What a lead hardly shows of a beat, the leads beside it and the usual shape of beats tell.

Where rows run through each other stage 2 guesses, and knows that it does: on a 12×1 page whose R waves pass
three rows, 0.6 % of the columns hold 95 % of the squared error, and all of them are in doubt. But leads are
views of one heart. So 160 ms of a beat in all leads are taken as one Gaussian vector, scaled to the beat:
a mean and some principal components, from real recordings (`ecgdigit_export.beat_model`). Printed leads are
combinations of the eight independent ones, each column seen with a noise of its own; the components'
posterior is a small linear system (Bishop, Pattern Recognition and Machine Learning, 2006, eq. 12.41 and
12.42). Columns in doubt move to it, clear ones stay where they were seen.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.results import Layout, Segment
from ecgdigit_rt.stages import COLUMNS_PER_MM
from ecgdigit_rt.tracing.lead_trace import LeadTrace

Values = NDArray[np.float64]

RATE_HZ, WINDOW = 500, 80  # of the model: 160 ms
INDEPENDENT = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
_LIMB = {"III": (-1.0, 1.0), "aVR": (-0.5, -0.5), "aVL": (1.0, -0.5), "aVF": (-0.5, 1.0)}
"""Einthoven's and Goldberger's leads of I and II."""

_INK_MM, _SPREAD, _UNSURE_MM, _SURE = 0.3, 0.3, 3.0, 0.97
"""A column's noise: of any ink, of the spread beyond that, and of the mass that stage 2 sees elsewhere."""
_DOUBTFUL_MM = 0.5  # noise from which a column moves
_CLEAR_MV = 0.15  # noise of columns by which a beat's size is measured
_SMOOTHED = 25  # samples over which a beat's steepness is added up
_STEEP, _STEEPEST = 0.35, 0.995  # of the steepest places, so much is a beat's
_REFRACTORY = 150  # samples
_SHORTEST = 50  # samples of a beat at a lead's end


class BeatModel(NamedTuple):
    """Beats of unit power around their steepest place: mean + components · N(0, 1) + residual noise.

    mean: (8, WINDOW). components: (8, WINDOW, count). residual: a variance.
    """

    mean: Values
    components: Values
    residual: float


@lru_cache(maxsize=1)
def beat_model() -> BeatModel:
    """The shipped model."""
    shipped = files("ecgdigit_rt.tracing") / "beats.npz"
    with shipped.open("rb") as file, np.load(file, allow_pickle=False) as data:
        mean, components = (data[name].astype(np.float64) for name in ("mean", "components"))
        return BeatModel(mean, components, float(data["residual"]))


def apply_beat_prior(traces: Sequence[Sequence[LeadTrace]], layout: Layout) -> list[list[LeadTrace]]:
    """The traces, by row and segment of `layout`, with doubtful columns of beats moved to what is likely."""
    out = [list(row) for row in traces]
    for group in _simultaneous(layout):
        leads = np.stack([_printed(layout.rows[i].segments[j]) for i, j in group])
        seen = [traces[i][j] for i, j in group]
        moved = _moved(leads, seen, layout.speed_mm_s, layout.gain_mm_mv)
        for (i, j), trace in zip(group, moved, strict=True):
            out[i][j] = trace
    return out


def _simultaneous(layout: Layout) -> list[list[tuple[int, int]]]:
    """Rows and segments that show the same time, two at least."""
    groups: dict[tuple[float, float], list[tuple[int, int]]] = {}
    for i, row in enumerate(layout.rows):
        for j, one in enumerate(row.segments):
            groups.setdefault((round(one.start_mm, 1), round(one.end_mm, 1)), []).append((i, j))
    return [group for group in groups.values() if len(group) > 1]


def _printed(segment: Segment) -> Values:
    """What stands there, as a combination (8,) of the independent leads."""
    vector = lead_vector(segment.lead)
    return -vector if segment.is_inverted else vector


def _moved(leads: Values, traces: Sequence[LeadTrace], speed_mm_s: float, gain: float) -> list[LeadTrace]:
    columns = np.arange(min(trace.height_mm.size for trace in traces))
    at = np.arange(0, columns.size, COLUMNS_PER_MM * speed_mm_s / RATE_HZ)  # one a sample
    height, noise = (
        np.stack([np.interp(at, columns, one[: columns.size]) for one in many]) / gain
        for many in ([one.height_mm for one in traces], [_noise_mm(one) for one in traces])
    )
    signal = height - np.median(height, axis=1, keepdims=True)
    moves = posterior_correction(leads, signal, noise, _DOUBTFUL_MM / gain)
    out = []
    for trace, move in zip(traces, moves * gain, strict=True):
        changed = trace.height_mm.copy()
        changed[: columns.size] += np.interp(columns, at, move).astype(np.float32)
        out.append(dataclasses.replace(trace, height_mm=changed) if move.any() else trace)
    return out


def _noise_mm(trace: LeadTrace) -> Values:
    """How far a column's curve may be from where it was read, one standard deviation."""
    spread = np.maximum(trace.spread_mm.astype(np.float64) - _INK_MM, 0)
    unsure = np.maximum(_SURE - trace.confidence.astype(np.float64), 0)
    return np.asarray(_INK_MM + _SPREAD * spread + _UNSURE_MM * unsure)


def lead_vector(name: str) -> Values:
    """A lead as a combination (8,) of the independent ones."""
    vector = np.zeros(len(INDEPENDENT))
    if name in _LIMB:
        vector[:2] = _LIMB[name]
    else:
        vector[INDEPENDENT.index(name)] = 1
    return vector


def posterior_correction(leads: Values, signal: Values, noise: Values, doubtful: float) -> Values:
    """By how much each sample should move, (leads, samples) mV; 0 away from beats and where it is clear.

    leads: (leads, 8), combinations of the independent leads. signal, noise: (leads, samples), mV and its
    standard deviation. doubtful: the noise from which a sample moves.
    """
    model, moves = beat_model(), np.zeros(signal.shape)
    mean = leads @ model.mean
    components = np.tensordot(leads, model.components, (1, 0))
    for middle in steepest_columns(np.diff(signal, axis=1)):
        first = middle - WINDOW // 2
        own = slice(max(0, first), min(signal.shape[1], first + WINDOW))
        if own.stop - own.start < _SHORTEST or not (noise[:, own] > doubtful).any():
            continue
        seen, sigma = signal[:, own], noise[:, own]
        clear = sigma < _CLEAR_MV
        if not seen[clear].any():  # nothing tells the beat's size
            continue
        scale = float(np.sqrt(np.mean(seen[clear] ** 2)))
        part = slice(own.start - first, own.stop - first)
        likely, spread = _posterior(
            seen / scale - mean[:, part], (sigma / scale) ** 2 + model.residual, components[:, part]
        )
        likely = (likely + mean[:, part]) * scale
        spread = scale**2 * (spread + model.residual)
        share = np.where(sigma > doubtful, sigma**2 / (sigma**2 + spread), 0)
        moves[:, own] = share * (likely - seen)
    return moves


def _posterior(miss: Values, variance: Values, components: Values) -> tuple[Values, Values]:
    """Mean and variance of what the components say, (leads, samples) each, given `miss` from the mean."""
    basis = components.reshape(miss.size, -1)
    weighed = basis / variance.reshape(-1, 1)
    root = np.linalg.cholesky(weighed.T @ basis + np.eye(basis.shape[1]))
    half = np.linalg.solve(root, np.stack([weighed.T @ miss.ravel(), *basis], 1))
    return (half[:, 1:].T @ half[:, 0]).reshape(miss.shape), (half[:, 1:] ** 2).sum(0).reshape(miss.shape)


def steepest_columns(slopes: Values) -> list[int]:
    """Where beats stand: the samples about which leads of these slopes (leads, samples) are steepest."""
    energy = np.convolve((slopes**2).sum(0), np.ones(_SMOOTHED) / _SMOOTHED, "same")
    if energy.size < _REFRACTORY:
        return []
    least = _STEEP * float(np.quantile(energy, _STEEPEST))
    inner = energy[1:-1]
    tops = np.flatnonzero((inner > energy[:-2]) & (inner >= energy[2:]) & (inner > least)) + 1
    places: list[int] = []
    for top in tops.tolist():
        if not places or top - places[-1] >= _REFRACTORY:
            places.append(top)
        elif energy[top] > energy[places[-1]]:
            places[-1] = top
    return places
